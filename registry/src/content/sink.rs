//! Bytes on their way into a file, hashed while they are written.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::DerefMut;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::task::{JoinHandle, spawn_blocking};
use vocab::{Algorithm, Digest, Hasher};

use super::space::Admission;
use crate::Error;

/// Bytes gathered before the disk is touched: small writes cost more in switching than in writing, and each
/// upload holds two of these in memory.
const BATCH: usize = 256 * 1024;

/// Who may read content on this machine: only the factory. Tenants read through the catalog.
pub(crate) const PRIVATE: u32 = 0o600;

/// A file that grows at its end, and the digest of what it holds.
pub(crate) struct Sink {
    path: PathBuf,
    file: File,
    held: u64,
    /// `None` when the file holds bytes that were not seen; then it is read again at the end.
    hasher: Option<Hasher>,
    admission: Arc<dyn Admission>,
    /// Its file is on the way to become a blob, or nothing: a write would reach what must not change.
    sealed: bool,
}

impl Sink {
    /// Creates the file, which must not exist.
    pub(crate) fn create(path: &Path, admission: Arc<dyn Admission>) -> Result<Self, Error> {
        let file = File::options().read(true).write(true).create_new(true).mode(PRIVATE).open(path);
        let file = file.map_err(Error::file("create", path))?;
        let hasher = Some(Hasher::new(Algorithm::Sha256));
        Ok(Self { path: path.to_owned(), file, held: 0, hasher, admission, sealed: false })
    }

    /// Takes up a file that another process began.
    pub(crate) fn resume(path: &Path, admission: Arc<dyn Admission>) -> Result<Self, Error> {
        let open = || {
            let mut file = File::options().read(true).write(true).open(path)?;
            let held = file.seek(SeekFrom::End(0))?;
            Ok((file, held))
        };
        let (file, held) = open().map_err(Error::file("open", path))?;
        Ok(Self { path: path.to_owned(), file, held, hasher: None, admission, sealed: false })
    }

    /// How many bytes it holds.
    pub(crate) const fn held(&self) -> u64 {
        self.held
    }

    /// Refuses all further bytes.
    pub(crate) const fn seal(&mut self) {
        self.sealed = true;
    }

    /// Whether it refuses further bytes.
    pub(crate) const fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Appends all of `batch` or nothing.
    fn append(&mut self, batch: &[Bytes]) -> Result<(), Error> {
        let length: u64 = batch.iter().map(|part| part.len() as u64).sum();
        self.admission.admit(length).map_err(|reason| Error::NoRoom { reason })?;
        if let Err(error) = batch.iter().try_for_each(|part| self.file.write_all(part)) {
            self.cut(self.held)?;
            return Err(Error::file("write", &self.path)(error));
        }
        if let Some(hasher) = &mut self.hasher {
            for part in batch {
                hasher.update(part);
            }
        }
        self.held += length;
        Ok(())
    }

    /// Forgets what came after the first `held` bytes.
    pub(crate) fn cut(&mut self, held: u64) -> Result<(), Error> {
        let cut = self.file.set_len(held).and_then(|()| self.file.seek(SeekFrom::Start(held)));
        cut.map_err(Error::file("cut", &self.path))?;
        if held < self.held {
            self.hasher = None;
            self.held = held;
        }
        Ok(())
    }

    /// Flushes the file and says what it holds, in the wanted hash function. The sink is spent after that.
    pub(crate) fn finish(&mut self, algorithm: Algorithm) -> Result<Digest, Error> {
        self.file.sync_all().map_err(Error::file("flush", &self.path))?;
        match self.hasher.take() {
            Some(hasher) if algorithm == Algorithm::Sha256 => Ok(hasher.finish()),
            _ => self.read_again(algorithm).map_err(Error::file("read", &self.path)),
        }
    }

    fn read_again(&mut self, algorithm: Algorithm) -> std::io::Result<Digest> {
        self.file.seek(SeekFrom::Start(0))?;
        digest_from(&mut self.file, algorithm)
    }
}

/// Reads a file to its end and says its digest.
pub(crate) fn digest_from(file: &mut File, algorithm: Algorithm) -> std::io::Result<Digest> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; BATCH];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// What became of a pour: the sink when it can still be used, and how it went.
pub(crate) struct Poured<G> {
    pub(crate) sink: Option<G>,
    pub(crate) result: Result<(), Error>,
}

/// Appends a stream to a sink: the next bytes are received while the last ones are written. At most `limit`
/// bytes are taken; what arrived before an error stays.
///
/// The sink travels with each write, so that dropping this future never leaves a write behind a released lock.
pub(crate) async fn pour<G, S, E>(sink: G, mut stream: S, limit: u64) -> Poured<G>
where
    G: DerefMut<Target = Sink> + Send + 'static,
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    let mut place = Place::Here(sink);
    let mut taken: u64 = 0;
    let mut batch = Vec::new();
    let mut gathered = 0;
    let ended = loop {
        let next = stream.next().await;
        if let Some(Ok(part)) = &next {
            taken += part.len() as u64;
            if taken > limit {
                break Err(Error::TooLarge { limit });
            }
            gathered += part.len();
            batch.push(part.clone());
        }
        if gathered >= BATCH || !matches!(next, Some(Ok(_))) {
            gathered = 0;
            place = match place.ready().await {
                Ok(sink) if batch.is_empty() => Place::Here(sink),
                Ok(sink) => Place::Away(send(sink, std::mem::take(&mut batch))),
                Err(poured) => return poured,
            };
        }
        match next {
            Some(Ok(_)) => {}
            Some(Err(error)) => break Err(Error::BrokenOff { reason: error.to_string() }),
            None => break Ok(()),
        }
    };
    match place.ready().await {
        Ok(sink) => Poured { sink: Some(sink), result: ended },
        Err(poured) => poured,
    }
}

type Sent<G> = JoinHandle<(G, Result<(), Error>)>;

/// Where the sink is: with us, or away with a write.
enum Place<G> {
    Here(G),
    Away(Sent<G>),
}

impl<G> Place<G> {
    async fn ready(self) -> Result<G, Poured<G>> {
        match self {
            Self::Here(sink) => Ok(sink),
            Self::Away(sent) => match sent.await {
                Ok((sink, Ok(()))) => Ok(sink),
                Ok((sink, Err(error))) => Err(Poured { sink: Some(sink), result: Err(error) }),
                Err(error) => Err(Poured { sink: None, result: Err(error.into()) }),
            },
        }
    }
}

fn send<G>(mut sink: G, batch: Vec<Bytes>) -> Sent<G>
where
    G: DerefMut<Target = Sink> + Send + 'static,
{
    spawn_blocking(move || {
        let result = sink.append(&batch);
        (sink, result)
    })
}
