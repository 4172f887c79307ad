//! What a store says about runs that may be removed. Which of them go is not the store's to decide.

use vocab::{ProjectId, RunId, TenantName, Timestamp};

/// Which finished runs to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishedFilter {
    /// Only those that ended before this.
    pub before: Timestamp,
    /// Only those that come after this one: its end and its id.
    pub after: Option<(Timestamp, RunId)>,
    /// How far newer runs are counted.
    pub count: u32,
}

/// A run that has ended, with what decides whether it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedRun {
    /// The run.
    pub id: RunId,
    /// Whose it is.
    pub tenant: TenantName,
    /// The project that it belongs to.
    pub project: Option<ProjectId>,
    /// Name of its workflow.
    pub workflow: String,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Runs of the same workflow of the same project that were accepted later, counted as far as was asked for.
    pub newer: u32,
    /// Whether something of it is outside that is neither meant to stay nor known to be gone.
    pub open_effects: bool,
}
