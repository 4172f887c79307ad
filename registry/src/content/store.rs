//! Putting content in, and asking whether it is there.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use migrations::{Database, Work};
use sqlx::SqliteConnection;
use tokio::task::spawn_blocking;
use vocab::{Algorithm, Clock, Digest, IdSource, Timestamp};

use super::draft::Draft;
use super::files::{self, Files};
use super::lock::{Live, Stripes};
use super::rows::{column, millis};
use super::sink::{PRIVATE, Sink};
use super::space::Admission;
use crate::Error;

/// How a content store is opened.
#[derive(Clone)]
pub struct Settings {
    /// Its folder. Made when it is not there.
    pub folder: PathBuf,
    /// Wall time, for records and leases.
    pub clock: Arc<dyn Clock>,
    /// Names of temporary files and uploads.
    pub ids: Arc<dyn IdSource>,
    /// Whether there is room for more.
    pub admission: Arc<dyn Admission>,
    /// How long content that nobody holds yet is safe from a sweep.
    pub lease: Duration,
    /// Largest blob in bytes. `Limits::blob_bytes`.
    pub blob_bytes: u64,
    /// Largest manifest in bytes. `Limits::manifest_bytes`.
    pub manifest_bytes: u64,
}

/// Content that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A content store. Clones share it.
#[derive(Clone)]
pub struct Content {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) files: Files,
    pub(super) database: Database,
    pub(super) stripes: Stripes,
    pub(super) live: Live,
}

impl Content {
    /// Opens the folder. The database has the registry's schema, and the caller holds the lock on the data folder.
    pub async fn open(settings: Settings, database: Database) -> Result<Self, Error> {
        let folder = settings.folder.clone();
        let files = spawn_blocking(move || Files::open(folder)).await??;
        let shared = Shared { settings, files, database, stripes: Stripes::new(), live: Live::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Stores a stream. With `expected`, content of any other digest is refused and nothing stays.
    ///
    /// Storing what is there already renews its lease and costs no space. The content is safe from a sweep for
    /// the lease; hold it before that ends.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`], [`Error::TooLarge`], [`Error::NoRoom`], [`Error::BrokenOff`] when the stream
    /// fails, [`Error::File`] with the system's cause. No temporary file is left.
    pub async fn put<S, E>(&self, stream: S, expected: Option<&Digest>) -> Result<Blob, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        let algorithm = expected.map_or(Algorithm::Sha256, Digest::algorithm);
        let limit = self.shared.settings.blob_bytes;
        let (temp, digest, size) = self.draft().await?.fill(stream, limit, algorithm).await?;
        agree(expected, &digest)?;
        self.commit(temp, digest, size, |_| Box::pin(async { Ok(()) })).await
    }

    /// Stores bytes that are in memory.
    pub async fn put_bytes(&self, bytes: Bytes) -> Result<Blob, Error> {
        self.put(futures::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]), None).await
    }

    /// Stores a copy of a file: a reflink where the file system can. A symbolic link is not followed.
    pub async fn put_file(&self, path: &Path, expected: Option<&Digest>) -> Result<Blob, Error> {
        let algorithm = expected.map_or(Algorithm::Sha256, Digest::algorithm);
        let (temp, from, limit) = (self.temp(), path.to_owned(), self.shared.settings.blob_bytes);
        let admission = Arc::clone(&self.shared.settings.admission);
        let copied = spawn_blocking(move || {
            let mut file = files::open_regular(&from).map_err(Error::file("store", &from))?;
            let size = file.metadata().map_err(Error::file("read", &from))?.len();
            if size > limit {
                return Err(Error::TooLarge { limit });
            }
            admission.admit(size).map_err(|reason| Error::NoRoom { reason })?;
            if reflink_copy::reflink_file_to_path(&file, &temp.path).is_err() {
                files::remove(&temp.path)?;
                File::create_new(&temp.path)
                    .and_then(|mut copy| std::io::copy(&mut file, &mut copy))
                    .map_err(Error::file("copy", &from))?;
            }
            let private = Permissions::from_mode(PRIVATE);
            std::fs::set_permissions(&temp.path, private)
                .map_err(Error::file("set the mode of", &temp.path))?;
            // What counts is the copy: the original may change while it is read.
            let mut sink = Sink::resume(&temp.path, admission)?;
            let size = sink.held();
            Ok((temp, sink.finish(algorithm)?, size))
        });
        let (temp, digest, size) = copied.await??;
        agree(expected, &digest)?;
        self.commit(temp, digest, size, |_| Box::pin(async { Ok(()) })).await
    }

    /// The size of a blob, or `None` when it is not there. Manifests are no blobs.
    pub async fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let size: Option<i64> = sqlx::query_scalar("SELECT size FROM blobs WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(self.shared.database.reads())
            .await?;
        size.map(|size| super::bytes_of(size, "blobs")).transpose()
    }

    /// Whether the store holds a blob or a manifest of this digest.
    pub async fn exists(&self, digest: &Digest) -> Result<bool, Error> {
        let mut connection = self.shared.database.reads().acquire().await?;
        is_there(&mut connection, digest).await
    }

    pub(crate) async fn draft(&self) -> Result<Draft, Error> {
        let (temp, admission) = (self.temp(), Arc::clone(&self.shared.settings.admission));
        let made = spawn_blocking(move || {
            admission.admit(0).map_err(|reason| Error::NoRoom { reason })?;
            Ok(Draft { sink: Box::new(Sink::create(&temp.path, admission)?), temp })
        });
        made.await?
    }

    /// A name for a temporary file; the file itself is not made.
    fn temp(&self) -> Temp {
        let name = self.shared.settings.ids.uuid().to_string();
        Temp::new(self.shared.files.temporary().join(name), Arc::clone(&self.shared))
    }

    /// Takes over a file that a finished upload left, as a temporary file.
    pub(crate) fn adopt(&self, path: PathBuf) -> Temp {
        Temp::new(path, Arc::clone(&self.shared))
    }

    /// Gives a flushed file its name and its row; `also` runs in the same transaction.
    ///
    /// Runs to its end even when the caller goes away: a row without its file must not be possible.
    pub(crate) async fn commit<J>(
        &self,
        temp: Temp,
        digest: Digest,
        size: u64,
        also: J,
    ) -> Result<Blob, Error>
    where
        J: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Result<(), Error>> + Send + 'static,
    {
        let content = self.clone();
        let settled = tokio::spawn(async move {
            let shared = &content.shared;
            let _lock = shared.stripes.lock(&digest).await;
            if content.size(&digest).await? == Some(size) && shared.files.path(&digest).is_file() {
                drop(temp);
            } else {
                let (shared, digest) = (Arc::clone(shared), digest.clone());
                spawn_blocking(move || shared.files.settle(&temp.path, &digest)).await??;
            }
            let (name, now, until) = (digest.to_string(), content.now(), content.leased_until());
            let done = content.write(move |connection| {
                Box::pin(async move {
                    insert(connection, &name, size, now, until).await?;
                    also(connection).await
                })
            });
            done.await?;
            Ok(Blob { digest, size })
        });
        settled.await?
    }

    /// Tells sweeps that an upload is under way, whatever its age.
    pub(crate) fn enliven(&self, id: &str) {
        self.shared.live.insert(id.into());
    }

    /// Tells sweeps that an upload is not under way in this process.
    pub(crate) fn retire(&self, id: &str) {
        self.shared.live.remove(&id.into());
    }

    /// Removes the row of an upload.
    pub(crate) async fn forget_upload(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        let done = self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM uploads WHERE id = $1").bind(id).execute(connection).await?;
                Ok(())
            })
        });
        done.await
    }

    pub(crate) async fn write<T, J>(&self, job: J) -> Result<T, Error>
    where
        J: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        self.shared.database.write(job).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.settings.clock.now()
    }

    pub(crate) fn leased_until(&self) -> Timestamp {
        self.now().plus(self.shared.settings.lease)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn database(&self) -> &Database {
        &self.shared.database
    }

    /// The folder of uploads under way.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.shared.files.uploads()
    }
}

fn agree(expected: Option<&Digest>, found: &Digest) -> Result<(), Error> {
    match expected {
        Some(expected) if expected != found => {
            Err(Error::DigestMismatch { expected: expected.clone(), found: found.clone() })
        }
        _ => Ok(()),
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    digest: &str,
    size: u64,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO blobs (digest, size, created_ms, touched_ms, leased_until_ms) VALUES ($1, $2, $3, $3, $4) \
         ON CONFLICT (digest) DO UPDATE SET touched_ms = excluded.touched_ms, \
         leased_until_ms = CASE WHEN blobs.leased_until_ms > excluded.leased_until_ms \
         THEN blobs.leased_until_ms ELSE excluded.leased_until_ms END",
    )
    .bind(digest)
    .bind(column(size))
    .bind(millis(now))
    .bind(millis(until))
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a blob or a manifest of this digest has a row.
pub(super) async fn is_there(connection: &mut SqliteConnection, digest: &Digest) -> Result<bool, Error> {
    let found: i64 = sqlx::query_scalar(
        "SELECT (SELECT COUNT(*) FROM blobs WHERE digest = $1) + (SELECT COUNT(*) FROM manifests WHERE digest = $1)",
    )
    .bind(digest.to_string())
    .fetch_one(connection)
    .await?;
    Ok(found > 0)
}

/// A temporary file that goes when it is dropped, unless it was renamed away. A sweep leaves it alone.
pub(crate) struct Temp {
    path: PathBuf,
    name: OsString,
    shared: Arc<Shared>,
}

impl Temp {
    fn new(path: PathBuf, shared: Arc<Shared>) -> Self {
        let name = path.file_name().unwrap_or_default().to_owned();
        shared.live.insert(name.clone());
        Self { path, name, shared }
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.path) {
            tracing::warn!(%error, "a temporary file stays until the next sweep");
        }
        self.shared.live.remove(&self.name);
    }
}
