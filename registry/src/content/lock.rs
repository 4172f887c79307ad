//! Locks by digest: a rename with its row, and a deleted row with its unlink, exclude each other.
//!
//! One process owns the folder (the factory holds a lock on it), so locks in memory are enough.

use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use vocab::Digest;

/// More than the cores and disks that could be busy at once; a collision only costs waiting.
const STRIPES: usize = 64;

/// A fixed number of locks; each digest belongs to one of them.
pub(crate) struct Stripes(Vec<Arc<tokio::sync::Mutex<()>>>);

impl Stripes {
    pub(crate) fn new() -> Self {
        Self((0..STRIPES).map(|_| Arc::default()).collect())
    }

    /// Waits for the lock of `digest`.
    pub(crate) async fn lock(&self, digest: &Digest) -> OwnedMutexGuard<()> {
        let start =
            digest.hex().bytes().take(8).fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
        Arc::clone(&self.0[start % self.0.len()]).lock_owned().await
    }
}

/// Names of temporary files that somebody is writing, so that a sweep leaves them alone.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<HashSet<OsString>>);

impl Live {
    pub(crate) fn insert(&self, name: OsString) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    pub(crate) fn remove(&self, name: &OsString) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(crate) fn contains(&self, name: &OsString) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}
