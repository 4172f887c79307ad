//! A run at one moment.

use crate::model::{EffectView, PlanStepView, RunDetail};

/// All that a view shows.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Snapshot {
    /// Run and steps.
    pub(in crate::cli) detail: RunDetail,
    /// Effects, in journal order.
    pub(in crate::cli) effects: Vec<EffectView>,
    /// The plan's steps: order and depth.
    pub(in crate::cli) plan: std::sync::Arc<[PlanStepView]>,
}
