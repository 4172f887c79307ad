//! The rows of a run, made again from its events: events are the truth, and rows that say something else are wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_ports::{EffectRecord, Projection, RunRow, RunStore, StepRow, StoreError};
use serde::Serialize;
use serde_json::Value as Json;
use vocab::{RunId, StepPath};

use crate::driver::{LoadError, replay};

/// Characters of a value in a difference.
const SHOWN: usize = 200;

/// A row that says something else than the events of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which: `run`, `step build[2]`, `effect push/tag`.
    pub row: String,
    /// The field; the whole row where it is missing, or too many.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What follows from the events.
    pub expected: String,
}

/// Why the rows of a run cannot be made again. They are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history cannot be read by this version; the text says what it is about.
    #[error("{0}")]
    History(String),
}

impl From<LoadError> for RebuildError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => Self::Store(error),
            other => Self::History(other.to_string()),
        }
    }
}

/// What differs between the rows of a run and its events; with `mend`, the rows are written again where something does.
///
/// Nobody may drive the run meanwhile.
pub async fn rebuild(
    store: &Arc<dyn RunStore>,
    run: RunId,
    mend: bool,
) -> Result<Vec<Difference>, RebuildError> {
    let found = store.run_any_tenant(run).await?.ok_or(LoadError::Missing(run))?;
    let expected = replay(store, found.clone()).await?;
    let (steps, effects) = (store.steps(run).await?, store.effects(run).await?);
    let differences = compare(&found, &steps, &effects, &expected);
    if mend && !differences.is_empty() {
        store.reproject(expected).await?;
    }
    Ok(differences)
}

fn compare(
    run: &RunRow,
    steps: &[StepRow],
    effects: &[EffectRecord],
    expected: &Projection,
) -> Vec<Difference> {
    let mut found = BTreeMap::from([("run".to_owned(), json(run))]);
    found.extend(steps.iter().map(|step| (step_name(&step.path), json(step))));
    found.extend(effects.iter().map(|effect| (effect_name(effect), json(effect))));
    let mut wanted = BTreeMap::from([("run".to_owned(), json(&expected.run))]);
    wanted.extend(expected.steps.iter().map(|step| (step_name(&step.path), json(step))));
    wanted.extend(expected.effects.iter().map(|effect| (effect_name(effect), json(effect))));
    let mut differences = Vec::new();
    for (row, wanted) in &wanted {
        let none = Json::Null;
        let found = found.remove(row).unwrap_or(none);
        match (&found, wanted) {
            (Json::Object(found), Json::Object(wanted)) => {
                let fields = found.keys().chain(wanted.keys().filter(|field| !found.contains_key(*field)));
                for field in fields.filter(|field| found.get(*field) != wanted.get(*field)) {
                    differences.push(difference(row, field, found.get(field), wanted.get(field)));
                }
            }
            _ => differences.push(difference(row, "row", None, Some(wanted))),
        }
    }
    differences.extend(found.iter().map(|(row, found)| difference(row, "row", Some(found), None)));
    differences
}

fn difference(row: &str, field: &str, found: Option<&Json>, expected: Option<&Json>) -> Difference {
    let shown = |value: Option<&Json>| {
        let text = value.map_or_else(|| "nothing".to_owned(), Json::to_string);
        text.chars().take(SHOWN).collect()
    };
    Difference {
        row: row.to_owned(),
        field: field.to_owned(),
        found: shown(found),
        expected: shown(expected),
    }
}

fn step_name(path: &StepPath) -> String {
    format!("step {path}")
}

fn effect_name(effect: &EffectRecord) -> String {
    format!("effect {}/{}", effect.key.path, effect.key.name)
}

fn json(row: &impl Serialize) -> Json {
    // Plain data with names for keys: it always has a JSON form.
    serde_json::to_value(row).unwrap_or_default()
}
