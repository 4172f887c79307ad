//! Tools run under a shim, so that nothing they start outlives the attempt.
//!
//! The shim is this same binary in the mode `exec-shim`: a small process of one session, which adopts every orphan
//! below it (subreaper), and which kills everything below it when the tool ends, when it is told to stop, or when
//! the socket to its parent closes because the parent died.
//!
//! ```text
//! factory ── socket (stdin) ──▶ shim ── tool ── whatever the tool starts, however it detaches
//!         ◀── stdout, stderr pipes ───────┘
//! ```
//!
//! When the shim itself is killed, [`sweep_stale`] finds what it left: by a marker in the environment, and by the
//! pids and start times that the shim wrote down.

mod course;
mod frame;
mod helpers;
mod processes;
mod program;
mod pump;
mod record;
mod runner;
mod session;
mod supervision;
mod sweep;

pub use program::shim_main;
pub use runner::{ShimConfig, ShimRunner};
pub use sweep::{SweepError, Swept, sweep_stale};
