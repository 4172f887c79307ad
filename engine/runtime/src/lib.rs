//! The engine at work: driver, dispatch, recovery, the shim under which tools run, logs, and work folders.
//!
//! It names ports and the pure core, and no technology: which database, which content store, which bus is the
//! business of whoever wires it.

mod actions;
mod attempt;
mod bus;
mod claims;
mod dispatch;
mod driver;
mod effects;
mod engine;
mod large;
mod logs;
mod rebuild;
mod room;
mod shared;
mod shim;
mod steady;
mod system;
mod work;

pub use actions::{ActionSet, DuplicateAction};
pub use bus::InProcessBus;
pub use dispatch::SlotsStatus;
pub use engine::{
    AskError, Decision, Engine, EngineDirs, EngineParts, EngineStatus, Sharing, Standing, StartError,
    Submission, SubmitError, Vote,
};
pub use engine_core::run::{Again, Decided, DecisionRefused, TakeOverRefused, WaitRefused};
pub use large::LargeValues;
pub use logs::{
    ArchiveError, AttemptLog, LogArchive, LogEntry, LogError, LogLine, LogName, Logs, ProgressBoard,
};
pub use rebuild::{Difference, RebuildError, rebuild};
pub use room::Waits;
pub use shim::{ShimConfig, ShimRunner, SweepError, Swept, shim_main, sweep_stale};
pub use system::{SystemClock, SystemIds};
pub use work::{RemoveError, SpaceWatch, WorkFolder, WorkFolders, usage};
