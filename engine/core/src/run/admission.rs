//! Runs that share room with others: one for which there was none begins when it is told that it may.
//!
//! Who is next is not decided here: one run knows nothing of the others. Whoever does tells it with `RunAdmitted`.

use lang::EvalError;
use std::sync::Arc;
use vocab::{RunGroup, Value};

use super::scope::View;
use super::state::RunState;
use super::{RunCreated, RunPhase};
use crate::plan::Plan;

/// Why a run cannot belong to the group that its workflow names.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GroupError {
    /// Its name cannot be computed.
    #[error("the group of `concurrency` cannot be computed: {0}")]
    Failed(EvalError),
    /// What came out is no name.
    #[error("the group of `concurrency` {why}: it comes to `{name}`")]
    NoName {
        /// What is wrong with it.
        why: &'static str,
        /// What came out, cut.
        name: String,
    },
}

impl RunCreated {
    /// The group that the plan's workflow names for a run with these first facts. The run that a step starts has none:
    /// it would wait for the run that waits for it.
    pub fn group_in(&self, plan: &Arc<Plan>) -> Result<Option<RunGroup>, GroupError> {
        let Some(rule) = plan.spec().concurrency.as_ref().filter(|_| self.parent.is_none()) else {
            return Ok(None);
        };
        let mut state = RunState::new(Arc::clone(plan));
        state.facts.created = Some(Box::new(self.clone()));
        let limits = self.limits.in_full();
        let value = rule.group.evaluate(&View { state: &state, slot: None }, &limits);
        let name = match value.map_err(GroupError::Failed)? {
            Value::String(name) => name,
            other => other.to_string(),
        };
        if let Err(why) = RunGroup::check_name(&name) {
            let name = name.chars().take(80).collect();
            return Err(GroupError::NoName { why, name });
        }
        Ok(Some(RunGroup { name, limit: rule.limit, on_new: rule.on_new }))
    }
}

impl RunState {
    /// Whether the run waits for its turn. Not any more once it is admitted or was told to end.
    pub fn awaits_admission(&self) -> bool {
        self.facts.phase == RunPhase::Queued && self.facts.halt.is_none() && self.never_admitted()
    }

    /// Whether a newer run of its group may ask it to end: not once it is past a pivot, undoes, or ends anyway.
    pub fn gives_way(&self) -> bool {
        let facts = &self.facts;
        matches!(facts.phase, RunPhase::Queued | RunPhase::Body)
            && facts.halt.is_none()
            && !facts.pivot_committed
    }

    /// Whether the run had to wait and never had its turn: then nothing of it starts, `finally` included.
    pub(crate) fn never_admitted(&self) -> bool {
        self.created().is_some_and(|created| created.waits) && !self.facts.admitted
    }
}
