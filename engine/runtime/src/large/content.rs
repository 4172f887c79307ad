//! A value goes out to the content store when it is large, and comes back when it is read.

use std::io::Cursor;
use std::sync::Arc;

use engine_ports::{ArtifactError, ArtifactStore, HoldOwner, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::io::AsyncReadExt as _;
use vocab::{ArtifactKind, ArtifactRef, Digest, Outputs, Value, json_bytes};

/// The one key of what stands for a value that lies elsewhere.
const KEY: &str = "$content";

/// Moves values out and back.
pub(super) struct Content {
    pub(super) artifacts: Arc<dyn ArtifactStore>,
    /// Bytes of JSON that stay in a row.
    pub(super) most: u64,
}

impl Content {
    /// Moves an event's payload out, if it is large. `owner` holds it then.
    pub(super) async fn payload_out(&self, owner: &HoldOwner, payload: &mut Json) -> Result<(), StoreError> {
        if let Some(artifact) = self.out(owner, payload).await? {
            *payload = serde_json::json!({ KEY: Value::from(artifact) });
        }
        Ok(())
    }

    /// Brings an event's payload back. How many bytes that took; none when it was in its row.
    pub(super) async fn payload_back(&self, row: &str, payload: &mut Json) -> Result<u64, StoreError> {
        let Some(artifact) = named_by(payload) else { return Ok(0) };
        *payload = self.back(row, &artifact).await?;
        Ok(artifact.size)
    }

    /// Moves outputs out, if they are large. `owner` holds them then.
    pub(super) async fn outputs_out(
        &self,
        owner: &HoldOwner,
        outputs: &mut Outputs,
    ) -> Result<(), StoreError> {
        if let Some(artifact) = self.out(owner, outputs).await? {
            *outputs = Outputs::from([(KEY.to_owned(), artifact.into())]);
        }
        Ok(())
    }

    /// Brings outputs back. How many bytes that took; none when they were in their row.
    pub(super) async fn outputs_back(&self, row: &str, outputs: &mut Outputs) -> Result<u64, StoreError> {
        let Some(artifact) = outputs.get(KEY).and_then(Value::as_artifact).cloned() else { return Ok(0) };
        *outputs = self.back(row, &artifact).await?;
        Ok(artifact.size)
    }

    async fn out<T: Serialize + Sync>(
        &self,
        owner: &HoldOwner,
        value: &T,
    ) -> Result<Option<ArtifactRef>, StoreError> {
        if json_bytes(value).is_some_and(|bytes| bytes <= self.most) {
            return Ok(None);
        }
        let text = serde_json::to_vec(value).map_err(|error| StoreError::Malformed {
            what: "large value".to_owned(),
            reason: error.to_string(),
        })?;
        let stream = Box::pin(Cursor::new(text));
        self.artifacts.put_stream(owner, ArtifactKind::Report, stream).await.map(Some).map_err(not_kept)
    }

    async fn back<T: DeserializeOwned>(&self, row: &str, artifact: &ArtifactRef) -> Result<T, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { row: row.to_owned(), reason };
        let stream = self.artifacts.open(artifact).await.map_err(|error| match error {
            ArtifactError::Missing(_) | ArtifactError::Malformed(_) => damaged(error.to_string()),
            other => not_kept(other),
        })?;
        let mut text = Vec::new();
        let read = stream.take(artifact.size.saturating_add(1)).read_to_end(&mut text).await;
        read.map_err(|error| not_kept(ArtifactError::Io(error.to_string())))?;
        if Digest::of(&text) != artifact.digest {
            return Err(damaged(format!("the content of {} is not what was stored", artifact.digest)));
        }
        serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))
    }
}

/// What a payload stands for, when it lies elsewhere.
fn named_by(payload: &Json) -> Option<ArtifactRef> {
    let value: Value = serde_json::from_value(payload.as_object()?.get(KEY)?.clone()).ok()?;
    value.as_artifact().cloned()
}

fn not_kept(error: ArtifactError) -> StoreError {
    match error {
        ArtifactError::Full(reason) => StoreError::Full(reason),
        other => StoreError::Database(format!("a large value: {other}")),
    }
}
