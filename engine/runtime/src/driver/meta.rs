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
    /// The part of the cache that is the run's own; see [`crate::Submission::cache_scope`].
    pub(crate) cache_scope: Option<String>,
}

impl RunMeta {
    /// Reads what [`trigger`] has written. What is missing or unreadable grants nothing.
    pub(crate) fn of(row: &RunRow) -> Self {
        Self {
            tenant: row.tenant.clone(),
            trigger_kind: text(&row.trigger, "kind").unwrap_or_default(),
            trust_host: row.trigger["trust_host"] == json!(true),
            source: serde_json::from_value(row.trigger["source"].clone()).ok(),
            // A word that is none is a scope of its own: it reads from nobody's entries.
            cache_scope: match &row.trigger["cache_scope"] {
                Json::Null => None,
                scope => Some(scope.as_str().map_or_else(|| scope.to_string(), str::to_owned)),
            },
        }
    }
}

/// The trigger as a run's row keeps it: what the door knows, with the commit, the trust and the part of the cache that hold
/// for the run.
pub(crate) fn trigger(
    given: &Json,
    source: Option<&RunSource>,
    trust_host: bool,
    cache_scope: Option<&str>,
) -> Json {
    let mut trigger: Map<String, Json> = given.as_object().cloned().unwrap_or_default();
    trigger.entry("kind").or_insert_with(|| json!("manual"));
    trigger.insert("source".to_owned(), json!(source));
    trigger.insert("trust_host".to_owned(), json!(trust_host));
    trigger.remove("cache_scope");
    trigger.extend(cache_scope.map(|scope| ("cache_scope".to_owned(), json!(scope))));
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
        let given = json!({ "kind": "push", "trust_host": true, "cache_scope": "of-another" });
        let trigger = trigger(&given, None, false, None);
        assert_eq!(trigger["cache_scope"], Json::Null);
        assert_eq!(trigger["trust_host"], json!(false));
        assert_eq!(origin(&trigger).kind, "push");
        assert_eq!(origin(&json!("nonsense")).kind, "manual");
    }
}
