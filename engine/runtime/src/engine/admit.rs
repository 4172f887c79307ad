//! Whether a run may be started. Pure.

use engine_core::plan::Plan;
use engine_core::run::RunLimits;
use serde_json::Value as Json;
use vocab::Inputs;

use super::SubmitError;

/// Refuses a plan that lets a tenant's code reach the host where nobody trusts it.
pub(super) fn trusted(plan: &Plan, trust_host: bool) -> Result<(), SubmitError> {
    let on_host: Vec<_> = plan
        .on_host()
        .into_iter()
        .map(|(step, isolation)| format!("`{step}` (isolation `{isolation}`)"))
        .collect();
    if trust_host || on_host.is_empty() { Ok(()) } else { Err(SubmitError::Untrusted(on_host)) }
}

/// Refuses what would not fit into the first event; the row and memory hold it too, as long as the run is there.
pub(super) fn bounded(limits: &RunLimits, inputs: &Inputs, trigger: &Json) -> Result<(), SubmitError> {
    let parts =
        [("the inputs", limits.excess(inputs)), ("the facts of what starts it", limits.excess(trigger))];
    match parts.into_iter().find_map(|(what, bytes)| Some((what, bytes?))) {
        Some((what, bytes)) => Err(SubmitError::TooLarge { what, bytes, limit: limits.event_bytes }),
        None => Ok(()),
    }
}
