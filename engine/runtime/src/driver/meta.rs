//! What attempts know of their run besides its steps.

use engine_core::run::Origin;
use engine_ports::{RunRow, RunSource};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use vocab::{ProjectId, TenantName};

/// What a run's first event says besides what the core reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunContext {
    pub(crate) tenant: TenantName,
    pub(crate) project: Option<ProjectId>,
    /// What started the run, with its source and the operator's trust: see [`trigger`].
    pub(crate) trigger: Json,
}

impl RunContext {
    pub(crate) fn of(context: &Json) -> Option<Self> {
        Self::deserialize(context).ok()
    }

    pub(crate) fn to_json(&self) -> Json {
        json!(self)
    }
}

/// The part of a run that never changes and that attempts are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunMeta {
    pub(crate) tenant: TenantName,
    /// `push`, `manual`, `schedule`, `image`.
    pub(crate) trigger_kind: String,
    pub(crate) trust_host: bool,
    pub(crate) source: Option<RunSource>,
}

impl RunMeta {
    /// Reads what [`trigger`] has written. What is missing or unreadable grants nothing.
    pub(crate) fn of(row: &RunRow) -> Self {
        Self {
            tenant: row.tenant.clone(),
            trigger_kind: text(&row.trigger, "kind").unwrap_or_default(),
            trust_host: row.trigger["trust_host"] == json!(true),
            source: serde_json::from_value(row.trigger["source"].clone()).ok(),
        }
    }
}

/// The trigger as a run's row keeps it: what the door knows, with the commit and the trust that hold for the run.
pub(crate) fn trigger(given: &Json, source: Option<&RunSource>, trust_host: bool) -> Json {
    let mut trigger: Map<String, Json> = given.as_object().cloned().unwrap_or_default();
    trigger.entry("kind").or_insert_with(|| json!("manual"));
    trigger.insert("source".to_owned(), json!(source));
    trigger.insert("trust_host".to_owned(), json!(trust_host));
    Json::Object(trigger)
}

/// What expressions read as `run` and `trigger`.
pub(crate) fn origin(trigger: &Json) -> Origin {
    let source = &trigger["source"];
    Origin {
        kind: text(trigger, "kind").unwrap_or_else(|| "manual".to_owned()),
        commit: text(trigger, "commit").or_else(|| text(source, "commit")),
        git_ref: text(trigger, "ref").or_else(|| text(source, "git_ref")),
        actor: text(trigger, "actor"),
    }
}

fn text(json: &Json, key: &str) -> Option<String> {
    json[key].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_cannot_grant_trust_through_the_trigger() {
        let trigger = trigger(&json!({ "kind": "push", "trust_host": true }), None, false);
        assert_eq!(trigger["trust_host"], json!(false));
        assert_eq!(origin(&trigger).kind, "push");
        assert_eq!(origin(&json!("nonsense")).kind, "manual");
    }
}
