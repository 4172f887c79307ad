//! The registry room.
mod model;
mod error;
mod content;
mod catalog;
pub use model::*;
pub use error::Error;
pub use content::*;
pub use catalog::*;
