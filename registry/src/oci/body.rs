//! The body of a request: a stream with bounds in size and in time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tokio::time::timeout;

use crate::Error;

/// How long a client may be silent in the middle of a body.
const SILENCE: Duration = Duration::from_secs(60);
/// What is read of a refused body, so that a client which sends before it listens can hear the refusal.
const DRAINED: u64 = 8 << 20;
/// How long that may take.
const DRAINING: Duration = Duration::from_secs(2);

/// A body that is being received.
pub(super) struct Body(BoxStream<'static, Result<Bytes, String>>);

impl Body {
    /// Takes over what warp gives.
    pub(super) fn new<S, B>(stream: S) -> Self
    where
        S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
        B: Buf,
    {
        let parts = stream.map(|part| match part {
            // The data is one piece already, so this copies nothing.
            Ok(mut part) => Ok(part.copy_to_bytes(part.remaining())),
            Err(error) => Err(error.to_string()),
        });
        let timed = futures::stream::unfold(Some(Box::pin(parts)), |parts| async move {
            let mut parts = parts?;
            match timeout(SILENCE, parts.next()).await {
                Ok(next) => next.map(|part| (part, Some(parts))),
                Err(_) => Some((Err("the client was silent for a minute".to_owned()), None)),
            }
        });
        Self(timed.fuse().boxed())
    }

    /// Reads a body of at most `limit` bytes into memory.
    pub(super) async fn collect(&mut self, limit: u64) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(part) = self.0.next().await {
            let part = part.map_err(|reason| Error::BrokenOff { reason })?;
            if (whole.len() + part.len()) as u64 > limit {
                return Err(Error::TooLarge { limit });
            }
            whole.extend_from_slice(&part);
        }
        Ok(whole.freeze())
    }

    /// Reads and drops the rest, within bounds.
    pub(super) async fn drain(mut self) {
        let read = async {
            let mut left = DRAINED;
            while let Some(Ok(part)) = self.0.next().await {
                match left.checked_sub(part.len() as u64) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        // Whether it came to its end does not matter: the answer goes out now.
        let _ = timeout(DRAINING, read).await;
    }
}

impl Stream for Body {
    type Item = Result<Bytes, String>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}
