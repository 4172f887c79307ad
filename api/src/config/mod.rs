//! Configuration: defaults < file < environment < flags, each value with its origin, unknown keys refused.

mod check;
mod environment;
mod error;
mod file;
mod model;
mod redact;
mod reference;
mod resolve;
mod table;
mod value;

pub use environment::Environment;
pub use error::ConfigError;
pub use model::{Config, LogConfig, LogFormat, RetentionConfig, TlsConfig};
pub(crate) use redact::hide_credentials;
pub use reference::reference;
pub use resolve::{Flags, Origin, Resolved, Shown, limits, resolve};
pub use table::{Kind, Setting, settings};
