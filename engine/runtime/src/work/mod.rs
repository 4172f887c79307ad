//! Work folders of attempts, and the space that they may take.

mod folder;
mod remove;
mod space;

pub use folder::{WorkFolder, WorkFolders};
pub use remove::RemoveError;
pub(crate) use remove::remove;
pub use space::{SpaceWatch, usage};
