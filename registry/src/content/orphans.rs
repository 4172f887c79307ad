//! Files that a crash left: content without a row, temporary files without a writer, uploads without a session.

use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;
use vocab::Digest;
use walkdir::WalkDir;

use super::files::{self, digest_at};
use super::{Content, Swept};
use crate::Error;

/// Files asked about at once; a folder with millions of them must not become a list in memory.
const PAGE: usize = 1000;

impl Content {
    /// Forgets uploads that nobody has continued since `before`, then removes files that no row and no writer
    /// knows. A file gets its row under the lock of its digest, so one without a row under that lock is an orphan.
    pub(super) async fn drop_orphans(&self, before: i64, swept: &mut Swept) -> Result<(), Error> {
        self.forget_uploads(before).await?;
        let files = &self.shared.files;
        for folder in [files.temporary(), files.uploads()] {
            let mut walk = Walk::of(folder);
            while let Some(page) = walk.next_page().await? {
                for path in page {
                    if !self.is_in_use(&path).await? {
                        discard(path, swept).await?;
                    }
                }
            }
        }
        let mut walk = Walk::of(files.blobs());
        while let Some(page) = walk.next_page().await? {
            for path in page {
                let Some(digest) = digest_at(&path) else { continue };
                if self.size(&digest).await?.is_none() {
                    self.drop_orphan(&digest, path, swept).await?;
                }
            }
        }
        Ok(())
    }

    async fn drop_orphan(&self, digest: &Digest, path: PathBuf, swept: &mut Swept) -> Result<(), Error> {
        let _lock = self.shared.stripes.lock(digest).await;
        if self.size(digest).await?.is_none() {
            discard(path, swept).await?;
        }
        Ok(())
    }

    async fn forget_uploads(&self, before: i64) -> Result<(), Error> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM uploads WHERE started_ms <= $1")
            .bind(before)
            .fetch_all(self.database().reads())
            .await?;
        let idle: Vec<String> = ids.into_iter().filter(|id| !self.shared.live.contains(&id.into())).collect();
        if idle.is_empty() {
            return Ok(());
        }
        let done = self.write(move |connection| {
            Box::pin(async move {
                for id in idle {
                    sqlx::query("DELETE FROM uploads WHERE id = $1")
                        .bind(id)
                        .execute(&mut *connection)
                        .await?;
                }
                Ok(())
            })
        });
        done.await
    }

    async fn is_in_use(&self, path: &Path) -> Result<bool, Error> {
        let Some(name) = path.file_name() else { return Ok(true) };
        if self.shared.live.contains(&name.to_owned()) {
            return Ok(true);
        }
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM uploads WHERE id = $1")
            .bind(name.to_string_lossy().into_owned())
            .fetch_one(self.database().reads())
            .await?;
        Ok(known > 0)
    }
}

async fn discard(path: PathBuf, swept: &mut Swept) -> Result<(), Error> {
    let removed = spawn_blocking(move || {
        let size = path.symlink_metadata().map_or(0, |found| found.len());
        files::remove(&path).map(|()| size)
    });
    swept.bytes += removed.await??;
    swept.files += 1;
    Ok(())
}

/// The files below a folder, a page at a time.
struct Walk {
    folder: PathBuf,
    entries: Option<walkdir::IntoIter>,
}

impl Walk {
    fn of(folder: PathBuf) -> Self {
        let entries = Some(WalkDir::new(&folder).into_iter());
        Self { folder, entries }
    }

    async fn next_page(&mut self) -> Result<Option<Vec<PathBuf>>, Error> {
        let Some(mut entries) = self.entries.take() else { return Ok(None) };
        let folder = self.folder.clone();
        let read = spawn_blocking(move || {
            let mut page = Vec::new();
            for entry in entries.by_ref() {
                match entry {
                    Ok(entry) if entry.file_type().is_file() => page.push(entry.into_path()),
                    Ok(_) => {}
                    // A file that went while we looked is none of our business.
                    Err(error)
                        if error
                            .io_error()
                            .is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound) => {}
                    Err(error) => {
                        return Err(Error::File { action: "list", path: folder, source: error.into() });
                    }
                }
                if page.len() == PAGE {
                    return Ok((page, Some(entries)));
                }
            }
            Ok((page, None))
        });
        let (page, entries) = read.await??;
        self.entries = entries;
        Ok((!page.is_empty() || self.entries.is_some()).then_some(page))
    }
}
