//! What attempts have to say: an append-only file per attempt, readable while it grows; content when it is complete.
//!
//! A log is a text file under `logs/RUN/STEP/`; a line of it is
//!
//! ```text
//! 1700000000000 o Unpacking libc6 (2.36-9) ...
//! ```
//!
//! milliseconds since 1970, the stream (`o` standard output, `e` standard error, `f` the factory), and the text.
//! Text is UTF-8 without control characters except the tab: a log cannot drive the terminal that shows it. Secrets
//! are masked before a byte reaches the file. Where logs live is known here alone.

mod archive;
mod attempt;
mod clean;
mod folder;
mod follow;
mod format;
mod mask;
mod pack;
mod progress;

pub use archive::{ArchiveError, LogArchive};
pub use attempt::AttemptLog;
pub use folder::{LogName, Logs};
pub use follow::{LogError, LogLine};
pub use format::LogEntry;
pub use progress::ProgressBoard;
