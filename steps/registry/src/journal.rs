//! Intents as the journal keeps them.

use engine_ports::{ActionError, EffectRecord};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// What an action writes down before it acts.
pub(crate) fn write(intent: &impl Serialize) -> Result<Json, ActionError> {
    serde_json::to_value(intent)
        .map_err(|error| ActionError::permanent(format!("an intent cannot be written down: {error}")))
}

/// Reads an intent back, perhaps that of another process long ago.
pub(crate) fn read<T: DeserializeOwned>(record: &EffectRecord) -> Result<T, ActionError> {
    T::deserialize(&record.intent).map_err(|error| {
        ActionError::permanent(format!("the journal's intent of `{}` cannot be read: {error}", record.key))
    })
}

/// Who changes a repository, for its history: `run:RUN/STEP-PATH`.
pub(crate) fn by(record: &EffectRecord) -> String {
    format!("run:{}/{}", record.key.run, record.key.path)
}

/// Who takes such a change back.
pub(crate) fn undone_by(record: &EffectRecord) -> String {
    format!("undo of {}", by(record))
}
