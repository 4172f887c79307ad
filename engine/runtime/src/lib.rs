//! The engine at work: driver, dispatch, recovery, the shim under which tools run, logs, and work folders.
//!
//! It names ports and the pure core, and no technology: which database, which content store, which bus is the
//! business of whoever wires it.

mod bus;
mod logs;
mod shim;
mod system;
mod work;

pub use bus::InProcessBus;
pub use logs::{AttemptLog, LogEntry, LogError, LogLine, LogName, Logs, ProgressBoard};
pub use shim::{ShimConfig, ShimRunner, SweepError, Swept, shim_main, sweep_stale};
pub use system::{SystemClock, SystemIds};
pub use work::{RemoveError, SpaceWatch, WorkFolder, WorkFolders, usage};
