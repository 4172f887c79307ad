//! The end of an upload: its bytes become a blob, and the repository links to it, in one transaction.

use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::OwnedMutexGuard;
use tokio::task::spawn_blocking;
use vocab::Digest;

use super::{Session, Uploads};
use crate::Error;
use crate::catalog::link_blob;
use crate::content::{Blob, Sink};
use crate::model::RepositoryName;

impl Uploads {
    /// Turns what the session holds into a blob of its repository. `sink` is what appending the last bytes gave.
    ///
    /// The session ends either way: what has another digest than it was sent for is of no use to anybody.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`]; nothing stays then.
    pub(crate) async fn finish(
        &self,
        session: &Arc<Session>,
        mut sink: OwnedMutexGuard<Sink>,
        expected: &Digest,
    ) -> Result<Blob, Error> {
        let (uploads, session, expected) = (self.clone(), Arc::clone(session), expected.clone());
        // Runs to its end when the client goes away: a sealed session must not stay behind.
        let finished = tokio::spawn(async move {
            sink.seal();
            let result = uploads.settle(&session, sink, expected).await;
            if let Err(error) = &result
                && let Err(left) = uploads.shared.content.forget_upload(&session.id).await
            {
                tracing::warn!(%error, %left, "the row of a failed upload stays until the next sweep");
            }
            uploads.leave(&session.id);
            result
        });
        finished.await?
    }

    async fn settle(
        &self,
        session: &Session,
        mut sink: OwnedMutexGuard<Sink>,
        expected: Digest,
    ) -> Result<Blob, Error> {
        let content = &self.shared.content;
        let (size, algorithm) = (sink.held(), expected.algorithm());
        let temp = content.adopt(session.path.clone());
        let found = spawn_blocking(move || sink.finish(algorithm)).await??;
        if found != expected {
            return Err(Error::DigestMismatch { expected, found });
        }
        let (repository, digest, id) = (session.repository.clone(), found.clone(), session.id.clone());
        let (now, until) = (content.now(), content.leased_until());
        let done = content.commit(temp, found, size, move |connection| {
            Box::pin(async move {
                link_blob(connection, &repository, &digest, now, until).await?;
                sqlx::query("DELETE FROM uploads WHERE id = $1").bind(id).execute(connection).await?;
                Ok(())
            })
        });
        done.await
    }

    /// Stores a whole body as a blob of a repository, without a session.
    ///
    /// # Errors
    /// As [`Uploads::finish`]; [`Error::Busy`] when as many uploads are open as may be.
    pub(crate) async fn take<S, E>(
        &self,
        repository: &RepositoryName,
        expected: &Digest,
        stream: S,
    ) -> Result<Blob, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        let _place = self.place()?;
        let content = &self.shared.content;
        let limit = content.settings().blob_bytes;
        let (temp, found, size) = content.draft().await?.fill(stream, limit, expected.algorithm()).await?;
        if found != *expected {
            return Err(Error::DigestMismatch { expected: expected.clone(), found });
        }
        let (repository, digest) = (repository.clone(), found.clone());
        let (now, until) = (content.now(), content.leased_until());
        content
            .commit(temp, found, size, move |connection| {
                Box::pin(async move { link_blob(connection, &repository, &digest, now, until).await })
            })
            .await
    }
}
