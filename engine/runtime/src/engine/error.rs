//! Why the engine refuses.

use std::io;

use engine_core::plan::PlanError;
use engine_core::run::{DecisionRefused, GroupError, TakeOverRefused, WaitRefused};
use engine_ports::{ArtifactError, StoreError};
use lang::InputError;
use vocab::RunId;

use crate::driver::LoadError;
use crate::shim::SweepError;

/// Why an engine does not start. Nothing was dispatched.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Processes of an earlier start could not be ended.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The data folder cannot be used.
    #[error("the data folder cannot be used: {0}")]
    Io(#[from] io::Error),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history of a run cannot be read by this version; the text says what to do.
    #[error("{0}")]
    History(String),
}

impl From<LoadError> for StartError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => Self::Store(error),
            other => Self::History(other.to_string()),
        }
    }
}

/// Why a run is not started. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The inputs do not fit the workflow: every reason at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Inputs(Vec<InputError>),
    /// The steps make no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It does not fit into the event that would record it.
    #[error(
        "{what} take {bytes} bytes, more than the {limit} of `limits.event_bytes`; \
         put large content into a file of the repository"
    )]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size, as it would be written.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// Steps of the plan execute on the host, and nothing allows that: each with its isolation.
    #[error(
        "these steps run on the host, and this project is not trusted with it: {}; \
         let the operator trust the project (`--trust host`), or start a workflow that uses isolation `oci`",
        .0.join(", ")
    )]
    Untrusted(Vec<String>),
    /// The group that the workflow names makes no sense for this run.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The run's group has no room, and its workflow says `on_new: drop`.
    #[error(
        "the run is dropped: the group `{group}` is full (run {behind} is not over), and the workflow says \
         `on_new: drop`"
    )]
    GroupFull {
        /// The group.
        group: String,
        /// The newest run of the group that has to end first.
        behind: RunId,
    },
    /// The engine shuts down.
    #[error("the factory is shutting down; try again when it is back")]
    Closing,
    /// The store failed. Whether the run was written is not known; with an origin, ask again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a request about a run is refused.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no such run, or it is another tenant's.
    #[error("there is no run {0}")]
    Missing(RunId),
    /// The run is where the request means nothing.
    #[error("{0}")]
    TooLate(String),
    /// What was decided does not fit where the run is.
    #[error(transparent)]
    Refused(DecisionRefused),
    /// No step waits for what was told, or not from this person.
    #[error(transparent)]
    NotAwaited(WaitRefused),
    /// Nothing of the run can be taken over.
    #[error(transparent)]
    TakeOver(#[from] TakeOverRefused),
    /// What is to be taken over cannot be held for the new run now.
    #[error("the outputs of the earlier run cannot be taken over now: {0}")]
    Artifacts(ArtifactError),
    /// Another process drives the run, and has not answered in time.
    #[error(
        "run {0} is driven by another process of the factory, which has not answered yet; what was asked is kept and \
         will be carried out: look at the run in a while"
    )]
    Elsewhere(RunId),
    /// The engine shuts down.
    #[error("the factory is shutting down; try again when it is back")]
    Closing,
    /// The new run could not be started.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
