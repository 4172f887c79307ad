//! What probes and undos answered, turned into events that are bounded. Pure.

use engine_core::run::{EffectId, Event, Failure, RunLimits};
use engine_ports::{ActionError, Presence};

/// The event for what a probe found. A handle that fits into no event is as good as none: the effect is undone by what
/// its intent says.
pub(super) fn probed(effect: EffectId, presence: Result<Presence, ActionError>, limits: &RunLimits) -> Event {
    let reason = match presence {
        Ok(Presence::Absent) => return Event::EffectAbsent { effect, token: None },
        Ok(Presence::Present(handle)) => match limits.excess(&handle) {
            None => return Event::EffectMade { effect, handle, token: None },
            Some(bytes) => format!(
                "it is there, but the handle that was found takes {bytes} bytes, more than the {} of \
                 `limits.event_bytes`",
                limits.event_bytes
            ),
        },
        Ok(Presence::Unknown) => "the outside does not tell whether it is there".to_owned(),
        Err(error) => error.message,
    };
    Event::EffectUncertain { effect, reason: Failure::cut(reason) }
}

/// The event for an effect that somebody else has changed since.
pub(super) fn superseded(effect: EffectId, found: String) -> Event {
    Event::EffectSuperseded { effect, found: Failure::cut(found) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn effect() -> EffectId {
        EffectId { path: "a".parse().unwrap(), name: "thing".to_owned() }
    }

    fn uncertain(presence: Result<Presence, ActionError>) -> String {
        match probed(effect(), presence, &RunLimits::default()) {
            Event::EffectUncertain { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_handle_that_fits_into_no_event_leaves_the_effect_uncertain() {
        let limits = RunLimits::default();
        let small = probed(effect(), Ok(Presence::Present(json!("id"))), &limits);
        assert_eq!(small, Event::EffectMade { effect: effect(), handle: json!("id"), token: None });
        let reason = uncertain(Ok(Presence::Present(json!("x".repeat(100_000)))));
        assert!(reason.contains("100002 bytes") && reason.contains("`limits.event_bytes`"), "{reason}");
    }

    #[test]
    fn long_reasons_and_findings_are_cut() {
        let long = "ä".repeat(100_000);
        assert!(uncertain(Err(ActionError::transient(long.clone()))).chars().count() < 5000);
        let Event::EffectSuperseded { found, .. } = superseded(effect(), long) else { panic!() };
        assert!(found.chars().count() < 5000);
    }
}
