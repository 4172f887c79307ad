//! The data folder: what lies where, who holds it, the secrets that are born with it.

mod admin_token;
mod endpoint;
mod error;
mod folder;
mod lock;
mod private_file;
mod sealer;

pub use admin_token::{AdminToken, token_hash};
pub use endpoint::Endpoint;
pub use error::DataError;
pub use folder::DataFolder;
pub use lock::{FolderLock, Holder};
pub use private_file::random;
pub(crate) use private_file::read as read_private;
pub use sealer::{SealError, Sealer};
