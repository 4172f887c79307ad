//! Whether there is room for more content: asked before and while bytes arrive.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::Content;
use crate::Error;

/// Decides whether more bytes may be stored. Called from blocking code, about once for each mebibyte.
pub trait Admission: Send + Sync {
    /// Whether `bytes` more may be written now.
    ///
    /// # Errors
    /// Which bound is met and what to do about it, as a sentence.
    fn admit(&self, bytes: u64) -> Result<(), String>;
}

/// Admits everything that fits on the disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unbounded;

impl Admission for Unbounded {
    fn admit(&self, _bytes: u64) -> Result<(), String> {
        Ok(())
    }
}

impl Content {
    /// Whether there is room for `bytes` that go into the database.
    pub(crate) async fn admit(&self, bytes: u64) -> Result<(), Error> {
        let admission = Arc::clone(&self.shared.settings.admission);
        let asked = spawn_blocking(move || admission.admit(bytes)).await?;
        asked.map_err(|reason| Error::NoRoom { reason })
    }
}
