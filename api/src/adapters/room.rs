//! Room for content: what the engine measures for its attempts holds for the registry too.

use std::sync::Arc;

use engine_runtime::SpaceWatch;
use registry::Admission;

/// Admits content while the disk keeps `limits.free_bytes` and the data folder is within `limits.data_bytes`.
#[derive(Debug)]
pub(crate) struct DataRoom(pub(crate) Arc<SpaceWatch>);

impl Admission for DataRoom {
    fn admit(&self, bytes: u64) -> Result<(), String> {
        self.0.admit(bytes)
    }
}
