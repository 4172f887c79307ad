//! Sessions: started, found again (after a restart too), appended to, cancelled.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use vocab::Timestamp;

use crate::Error;
use crate::content::{Content, Sink, millis, pour};
use crate::model::RepositoryName;

/// How long a session may rest before a new one may take its place when all are taken.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// All uploads of this process. Clones share them.
#[derive(Clone)]
pub(crate) struct Uploads {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) content: Content,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    places: Arc<Semaphore>,
    limit: u64,
}

/// One upload.
pub(crate) struct Session {
    /// Its id, the last part of its location.
    pub(crate) id: String,
    pub(super) repository: RepositoryName,
    pub(super) path: PathBuf,
    pub(super) sink: Arc<tokio::sync::Mutex<Sink>>,
    touched: AtomicI64,
    _place: OwnedSemaphorePermit,
}

/// Where a chunk says that it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Offset of its first byte.
    pub(crate) start: u64,
    /// Its length in bytes.
    pub(crate) length: u64,
}

impl Uploads {
    /// At most `limit` sessions are open at once.
    pub(crate) fn new(content: Content, limit: u64) -> Self {
        let places = usize::try_from(limit).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places));
        let shared = Shared { content, sessions: Mutex::default(), places, limit };
        Self { shared: Arc::new(shared) }
    }

    /// Starts an upload into a repository.
    ///
    /// # Errors
    /// [`Error::Busy`] when as many are open as may be, [`Error::NoRoom`].
    pub(crate) async fn start(&self, repository: &RepositoryName, by: &str) -> Result<Arc<Session>, Error> {
        let place = self.place()?;
        let content = &self.shared.content;
        content.admit(0).await?;
        let id = content.settings().ids.uuid().to_string();
        let path = content.uploads().join(&id);
        content.enliven(&id);
        let started = async {
            let (row, name, by, now) = (id.clone(), repository.clone(), by.to_owned(), content.now());
            let done = content.write(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO uploads (id, repository, tenant, started_ms, started_by) \
                         VALUES ($1, $2, $3, $4, $5)",
                    )
                    .bind(row)
                    .bind(name.as_str())
                    .bind(name.tenant().as_str())
                    .bind(millis(now))
                    .bind(by)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            });
            done.await?;
            let (path, admission) = (path.clone(), Arc::clone(&content.settings().admission));
            spawn_blocking(move || Sink::create(&path, admission)).await?
        };
        match started.await {
            Ok(sink) => Ok(self.enter(id, repository.clone(), path, sink, place)),
            Err(error) => {
                content.retire(&id);
                Err(error)
            }
        }
    }

    /// Finds an upload of this repository; one that an earlier process began is taken up again.
    ///
    /// # Errors
    /// [`Error::UnknownUpload`], also when it belongs to another repository.
    pub(crate) async fn find(&self, repository: &RepositoryName, id: &str) -> Result<Arc<Session>, Error> {
        let unknown = || Error::UnknownUpload { id: id.chars().take(80).collect() };
        let known = self.sessions().get(id).map(Arc::clone);
        if let Some(session) = known {
            return if session.repository == *repository { Ok(session) } else { Err(unknown()) };
        }
        let content = &self.shared.content;
        let row: Option<String> =
            sqlx::query_scalar("SELECT id FROM uploads WHERE id = $1 AND repository = $2")
                .bind(id)
                .bind(repository.as_str())
                .fetch_optional(content.database().reads())
                .await?;
        let id = row.ok_or_else(unknown)?;
        let place = self.place()?;
        let path = content.uploads().join(&id);
        let (from, admission) = (path.clone(), Arc::clone(&content.settings().admission));
        let sink = spawn_blocking(move || Sink::resume(&from, admission)).await?;
        let sink = sink.map_err(|_| unknown())?;
        content.enliven(&id);
        Ok(self.enter(id, repository.clone(), path, sink, place))
    }

    /// Appends a request's body. Says how many bytes the upload holds then. What arrived before the connection
    /// broke stays; a chunk of another length than announced leaves nothing.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`], [`Error::SizeMismatch`], [`Error::TooLarge`], [`Error::BrokenOff`],
    /// [`Error::UnknownUpload`] when it ended meanwhile.
    pub(crate) async fn append<S, E>(
        &self,
        session: &Session,
        chunk: Option<Chunk>,
        stream: S,
    ) -> Result<OwnedMutexGuard<Sink>, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        let sink = session.lock().await?;
        session.touch(self.shared.content.now());
        let held = sink.held();
        if let Some(chunk) = chunk.filter(|chunk| chunk.start != held) {
            return Err(Error::OutOfOrder { start: chunk.start, held });
        }
        let room = self.shared.content.settings().blob_bytes.saturating_sub(held);
        // One more than announced is enough to see that it is too much.
        let limit = chunk.map_or(room, |chunk| room.min(chunk.length.saturating_add(1)));
        let poured = pour(sink, stream, limit).await;
        session.touch(self.shared.content.now());
        let lost = || Error::UnknownUpload { id: session.id.clone() };
        let mut sink = poured.sink.ok_or_else(lost)?;
        let Some(chunk) = chunk else { return poured.result.map(|()| sink) };
        let found = sink.held() - held;
        match poured.result {
            Ok(()) if found == chunk.length => Ok(sink),
            Err(error) if !matches!(error, Error::TooLarge { .. }) => Err(error),
            _ => {
                spawn_blocking(move || sink.cut(held)).await??;
                Err(Error::SizeMismatch { expected: chunk.length, found })
            }
        }
    }

    /// How many bytes an upload holds.
    pub(crate) async fn held(&self, session: &Session) -> Result<u64, Error> {
        Ok(session.lock().await?.held())
    }

    /// Ends an upload and removes what it holds.
    pub(crate) async fn cancel(&self, session: &Session) -> Result<(), Error> {
        session.lock().await?.seal();
        self.shared.content.forget_upload(&session.id).await?;
        drop(self.shared.content.adopt(session.path.clone()));
        self.leave(&session.id);
        Ok(())
    }

    /// Puts sessions out of memory that nobody has continued since `before`; the sweep takes their rows and files.
    pub(crate) fn expire(&self, before: Timestamp) {
        let mut sessions = self.sessions();
        sessions.retain(|id, session| {
            let active = session.touched.load(Ordering::Relaxed) > millis(before);
            // A locked sink is being written to, however long that takes.
            let keep = active || session.sink.try_lock().is_err();
            if !keep {
                self.shared.content.retire(id);
            }
            keep
        });
    }

    pub(super) fn leave(&self, id: &str) {
        self.sessions().remove(id);
        self.shared.content.retire(id);
    }

    /// A place for one more transfer.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let take = || Arc::clone(&self.shared.places).try_acquire_owned().ok();
        let busy = || Error::Busy { what: "uploads to the registry", limit: self.shared.limit };
        take()
            .or_else(|| {
                let now = self.shared.content.now().as_millis();
                let idle = i64::try_from(IDLE.as_millis()).unwrap_or(i64::MAX);
                self.expire(Timestamp::from_millis(now.saturating_sub(idle)));
                take()
            })
            .ok_or_else(busy)
    }

    fn enter(
        &self,
        id: String,
        repository: RepositoryName,
        path: PathBuf,
        sink: Sink,
        place: OwnedSemaphorePermit,
    ) -> Arc<Session> {
        let touched = AtomicI64::new(millis(self.shared.content.now()));
        let sink = Arc::new(tokio::sync::Mutex::new(sink));
        let session = Session { id: id.clone(), repository, path, sink, touched, _place: place };
        // When two requests take up the same upload, one session must win: two would write over each other.
        Arc::clone(self.sessions().entry(id).or_insert_with(|| Arc::new(session)))
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.shared.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Waits until nobody else writes.
    pub(super) async fn lock(&self) -> Result<OwnedMutexGuard<Sink>, Error> {
        let sink = Arc::clone(&self.sink).lock_owned().await;
        if sink.is_sealed() { Err(Error::UnknownUpload { id: self.id.clone() }) } else { Ok(sink) }
    }

    fn touch(&self, now: Timestamp) {
        self.touched.store(millis(now), Ordering::Relaxed);
    }
}
