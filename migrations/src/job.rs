//! A write that waits for its turn, with its types erased so that many kinds share one queue.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use crate::Error;

/// What a write does on the writing connection: a boxed future, `Box::pin(async move { … })`.
pub type Work<'c, T> = BoxFuture<'c, T>;

/// A write in the queue.
pub(crate) trait Job: Send {
    /// Runs it and keeps its result. Whether its writes shall stay; a panic counts as a failure.
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection, path: &'c Path) -> Work<'c, bool>;

    /// Tells the caller: its own result when the batch is on the disk, else why it is not. A job that failed by
    /// itself always gets its own error.
    fn settle(self: Box<Self>, batch: Result<(), Error>);
}

/// The only [`Job`]: a closure, and the caller who waits for it.
pub(crate) struct Ticket<J, T, E> {
    job: Option<J>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<J, T, E> Ticket<J, T, E> {
    pub(crate) fn new(job: J) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (reply, answer) = oneshot::channel();
        (Self { job: Some(job), result: None, reply }, answer)
    }
}

impl<J, T, E> Job for Ticket<J, T, E>
where
    J: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection, path: &'c Path) -> Work<'c, bool> {
        Box::pin(async move {
            let Some(job) = self.job.take() else { return false };
            // Unwind safety: what a panic may leave half-done is in the savepoint, which is rolled back.
            let ran = AssertUnwindSafe(async { job(connection).await }).catch_unwind().await;
            let result = ran.unwrap_or_else(|panic| {
                let message = panic_message(panic.as_ref());
                tracing::error!(path = %path.display(), message, "a write panicked and was rolled back");
                Err(Error::Panicked { place: path.into(), message: message.to_owned() }.into())
            });
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn settle(self: Box<Self>, batch: Result<(), Error>) {
        let answer = match (batch, self.result) {
            (Ok(()), Some(result)) => result,
            (Err(_), Some(Err(own))) => Err(own),
            (Err(error), _) => Err(error.into()),
            // A batch succeeds only after each of its jobs ran, and running leaves a result. Dropping the reply
            // tells the caller that the writer is gone.
            (Ok(()), None) => return,
        };
        // A caller that no longer waits needs no answer.
        let _ = self.reply.send(answer);
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
