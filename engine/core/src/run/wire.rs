//! Events as stores keep them: `{kind, v, payload}`, with a way up from every older version.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::Event;

macro_rules! kinds {
    ($($variant:ident = $word:literal, v $version:literal;)+) => {
        /// The kind of an event, without what it carries.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is described at the event of the same name")]
        pub enum EventKind { $($variant,)+ }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in stores.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The version of the payload's form that is written today.
            pub const fn version(self) -> u32 {
                match self { $(Self::$variant => $version,)+ }
            }
        }

        impl Event {
            /// Its kind.
            pub const fn kind(&self) -> EventKind {
                match self { $(Self::$variant { .. } => EventKind::$variant,)+ }
            }
        }
    };
}

kinds! {
    RunCreated = "run_created", v 1;
    RunAdmitted = "run_admitted", v 1;
    RunStarted = "run_started", v 1;
    StepExpanded = "step_expanded", v 1;
    StepSkipped = "step_skipped", v 1;
    StepNotReached = "step_not_reached", v 1;
    StepReady = "step_ready", v 1;
    StepWaiting = "step_waiting", v 1;
    Voted = "voted", v 1;
    WaitEnded = "wait_ended", v 1;
    WaitFailed = "wait_failed", v 1;
    AttemptStarted = "attempt_started", v 1;
    AttemptSucceeded = "attempt_succeeded", v 1;
    AttemptFailed = "attempt_failed", v 1;
    AttemptLost = "attempt_lost", v 1;
    AttemptCancelled = "attempt_cancelled", v 1;
    RetryScheduled = "retry_scheduled", v 1;
    RetryDue = "retry_due", v 1;
    StepFailed = "step_failed", v 1;
    StepPaused = "step_paused", v 1;
    StepRetried = "step_retried", v 1;
    StepBypassed = "step_bypassed", v 1;
    StepTakenOver = "step_taken_over", v 1;
    StepCancelled = "step_cancelled", v 1;
    CancelRequested = "cancel_requested", v 1;
    DeadlinePassed = "deadline_passed", v 1;
    RunPaused = "run_paused", v 1;
    RunResumed = "run_resumed", v 1;
    EffectIntended = "effect_intended", v 1;
    EffectMade = "effect_made", v 1;
    EffectAbsent = "effect_absent", v 1;
    EffectUncertain = "effect_uncertain", v 1;
    ChildBound = "child_bound", v 1;
    EffectsReleased = "effects_released", v 1;
    BodyFinished = "body_finished", v 1;
    UnwindingStarted = "unwinding_started", v 1;
    UndoStarted = "undo_started", v 1;
    EffectUndone = "effect_undone", v 1;
    EffectSuperseded = "effect_superseded", v 1;
    UndoFailed = "undo_failed", v 1;
    UndoScheduled = "undo_scheduled", v 1;
    EffectStuck = "effect_stuck", v 1;
    UndoRequested = "undo_requested", v 1;
    FinallyStarted = "finally_started", v 1;
    HoldEnded = "hold_ended", v 1;
    RunFinished = "run_finished", v 1;
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A step of the way up: the payload of `kind` in version `from`, in the form of version `from + 1`.
pub(crate) struct Upcaster {
    pub(crate) kind: EventKind,
    pub(crate) from: u32,
    pub(crate) raise: fn(Json) -> Json,
}

/// Every form that a payload ever had, and how it became the next one. Rows are added, never removed: histories
/// stay readable for ever. Empty as long as every kind has version 1.
const UPCASTERS: &[Upcaster] = &[];

/// Why a stored event is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownEvent {
    /// No event of this program has that name.
    #[error(
        "the history holds an event `{kind}`, which this version does not know: start the version that wrote it, or a newer one"
    )]
    Kind {
        /// The name in the store.
        kind: String,
    },
    /// A newer version wrote it.
    #[error(
        "the history holds `{kind}` in version {found}, this version knows it up to {known}: start a newer version"
    )]
    Newer {
        /// The event.
        kind: EventKind,
        /// The version in the store.
        found: u32,
        /// The newest version that is known here.
        known: u32,
    },
    /// The payload does not have the form that its version promises.
    #[error("the history holds `{kind}` in version {v}, but its payload is malformed: {problem}")]
    Malformed {
        /// The event.
        kind: EventKind,
        /// The version in the store.
        v: u32,
        /// What is wrong with it.
        problem: String,
    },
}

impl Event {
    /// The event as stores keep it: the word of its kind, the version of its form, and the rest as a JSON object.
    pub fn to_parts(&self) -> (&'static str, u32, Json) {
        let kind = self.kind();
        let mut whole = match serde_json::to_value(self) {
            Ok(Json::Object(whole)) => whole,
            // Keys are strings and no part's `Serialize` fails, so that nothing else can come out.
            other => unreachable!("an event serializes as an object, not {other:?}"),
        };
        (kind.name(), kind.version(), whole.remove("payload").unwrap_or_else(|| json!({})))
    }

    /// Reads an event of any version that was ever written.
    pub fn from_parts(kind: &str, v: u32, payload: Json) -> Result<Self, UnknownEvent> {
        let known = EventKind::ALL
            .iter()
            .copied()
            .find(|known| known.name() == kind)
            .ok_or_else(|| UnknownEvent::Kind { kind: kind.chars().take(80).collect() })?;
        let payload = upcast(UPCASTERS, known, v, known.version(), payload)?;
        Self::deserialize(json!({ "kind": kind, "payload": payload }))
            .map_err(|error| UnknownEvent::Malformed { kind: known, v, problem: error.to_string() })
    }
}

/// Raises a payload from version `v` to version `to`, one row of the table at a time.
fn upcast(
    table: &[Upcaster],
    kind: EventKind,
    v: u32,
    to: u32,
    mut payload: Json,
) -> Result<Json, UnknownEvent> {
    if v > to {
        return Err(UnknownEvent::Newer { kind, found: v, known: to });
    }
    for from in v..to {
        let row = table.iter().find(|row| row.kind == kind && row.from == from).ok_or_else(|| {
            UnknownEvent::Malformed {
                kind,
                v,
                problem: format!("nothing was ever written in version {from}"),
            }
        })?;
        payload = (row.raise)(payload);
    }
    if v == 0 {
        let problem = "versions begin at 1".to_owned();
        return Err(UnknownEvent::Malformed { kind, v, problem });
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Upcaster] = &[
        Upcaster { kind: EventKind::RetryDue, from: 1, raise: |_| json!({ "second": true }) },
        Upcaster {
            kind: EventKind::RetryDue,
            from: 2,
            raise: |mut payload| {
                payload["third"] = json!(true);
                payload
            },
        },
    ];

    #[test]
    fn an_old_payload_goes_up_version_by_version() {
        let raised = upcast(TABLE, EventKind::RetryDue, 1, 3, json!({ "first": true }));
        assert_eq!(raised, Ok(json!({ "second": true, "third": true })));
    }

    #[test]
    fn every_version_below_the_written_one_has_its_row() {
        for kind in EventKind::ALL {
            for from in 1..kind.version() {
                let rows = UPCASTERS.iter().filter(|row| row.kind == *kind && row.from == from).count();
                assert_eq!(rows, 1, "{kind} v{from}");
            }
        }
    }

    #[test]
    fn an_unknown_or_newer_event_asks_for_a_newer_version() {
        let unknown = Event::from_parts("run_teleported", 1, json!({})).unwrap_err();
        assert!(unknown.to_string().contains("start the version that wrote it"), "{unknown}");
        let newer = Event::from_parts("run_started", 99, json!({})).unwrap_err();
        assert_eq!(newer, UnknownEvent::Newer { kind: EventKind::RunStarted, found: 99, known: 1 });
    }

    #[test]
    fn a_malformed_payload_is_an_error_and_names_the_event() {
        for (v, payload) in [(1, json!({ "path": "NO" })), (0, json!({})), (1, Json::Null), (1, json!([1]))] {
            let error = Event::from_parts("retry_due", v, payload).unwrap_err();
            assert!(error.to_string().contains("`retry_due`"), "{error}");
        }
    }

    #[test]
    fn an_event_without_content_has_an_empty_payload() {
        let (kind, v, payload) = Event::RunStarted {}.to_parts();
        assert_eq!((kind, v, &payload), ("run_started", 1, &json!({})));
        assert_eq!(Event::from_parts(kind, v, payload), Ok(Event::RunStarted {}));
    }
}
