//! Content that is being written and has no name yet.

use bytes::Bytes;
use futures::Stream;
use tokio::task::spawn_blocking;
use vocab::{Algorithm, Digest};

use super::sink::{Sink, pour};
use super::store::Temp;
use crate::Error;

/// A temporary file that takes bytes. Dropped before it is committed, it leaves nothing.
pub(crate) struct Draft {
    pub(super) sink: Box<Sink>,
    pub(super) temp: Temp,
}

impl Draft {
    /// Takes a stream of at most `limit` bytes, flushes, and says what came: digest and size.
    pub(crate) async fn fill<S, E>(
        self,
        stream: S,
        limit: u64,
        algorithm: Algorithm,
    ) -> Result<(Temp, Digest, u64), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        let Self { sink, temp } = self;
        let poured = pour(sink, stream, limit).await;
        poured.result?;
        let lost = || Error::BrokenOff { reason: "the file was lost while it was written".into() };
        let mut sink = poured.sink.ok_or_else(lost)?;
        let size = sink.held();
        let digest = spawn_blocking(move || sink.finish(algorithm)).await??;
        Ok((temp, digest, size))
    }
}
