//! Removes what no row refers to. Never needs the store to stand still.
//!
//! Candidates are read without stopping anybody. Then, for each, the row goes first, in a statement that asks
//! again whether anything refers to it; a blob's file goes after, under the same lock under which a put renames.
//! A put or a hold that comes meanwhile is either seen by that statement, or finds the content gone and says so
//! or stores it anew.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::task::spawn_blocking;
use vocab::{Digest, Timestamp};

use super::Content;
use super::rows::{bytes_of, digest_of, millis};
use crate::Error;

/// Candidates read in one statement, and rows deleted in one transaction.
const PAGE: i64 = 500;
/// Blobs that are removed at once: their rows share a commit.
const ABREAST: usize = 16;

// What may go, `$1` being the start of the grace and `$2` now. Macros, so that statements stay literals.
macro_rules! blob_is_garbage {
    () => {
        "touched_ms <= $1 AND leased_until_ms <= $2 \
         AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.digest = blobs.digest) \
         AND NOT EXISTS (SELECT 1 FROM manifest_references r WHERE r.digest = blobs.digest AND r.role = 'blob') \
         AND NOT EXISTS (SELECT 1 FROM repository_blobs l WHERE l.digest = blobs.digest) \
         AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.digest = blobs.digest AND t.role = 'blob')"
    };
}
macro_rules! manifest_is_garbage {
    () => {
        "touched_ms <= $1 AND leased_until_ms <= $2 \
         AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.digest = manifests.digest) \
         AND NOT EXISTS ( \
             SELECT 1 FROM manifest_references r WHERE r.digest = manifests.digest AND r.role = 'manifest') \
         AND NOT EXISTS (SELECT 1 FROM repository_manifests l WHERE l.digest = manifests.digest) \
         AND NOT EXISTS ( \
             SELECT 1 FROM tombstones t WHERE t.digest = manifests.digest AND t.role = 'manifest')"
    };
}
macro_rules! link_is_garbage {
    () => {
        "touched_ms <= $1 AND leased_until_ms <= $2 AND NOT EXISTS ( \
             SELECT 1 FROM manifest_references r JOIN repository_manifests m ON m.digest = r.manifest \
             WHERE r.digest = repository_blobs.digest AND r.role = 'blob' \
             AND m.repository = repository_blobs.repository)"
    };
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files: blobs, and what crashes left.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Manifests, which are rows.
    pub manifests: u64,
    /// Links from repositories to blobs that no manifest there needs any more.
    pub links: u64,
}

/// The moments that decide, as the statements take them.
#[derive(Clone, Copy)]
struct Moments {
    before: i64,
    now: i64,
}

impl Content {
    /// Removes what nothing refers to and has not been touched since `grace` before `now`: tombstones, manifests,
    /// links that no manifest of the repository needs, blobs; also files that a crash left without a row.
    ///
    /// Safe beside everything else that the store does. A crash in the middle loses nothing.
    pub async fn sweep(&self, now: Timestamp, grace: Duration) -> Result<Swept, Error> {
        let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        let moments = Moments { before: millis(now).saturating_sub(grace), now: millis(now) };
        let mut swept = Swept::default();
        self.drop_tombstones(moments).await?;
        // An index goes before its children, so each round may free the next.
        loop {
            let count = self.drop_manifests(moments).await?;
            swept.manifests += count;
            if count == 0 {
                break;
            }
        }
        swept.links = self.drop_links(moments).await?;
        self.drop_blobs(moments, &mut swept).await?;
        self.drop_orphans(moments.before, &mut swept).await?;
        Ok(swept)
    }

    async fn drop_tombstones(&self, at: Moments) -> Result<(), Error> {
        let done = self.write(move |connection| {
            Box::pin(async move {
                let statement = "DELETE FROM tombstones WHERE deleted_ms <= $1";
                sqlx::query(statement).bind(at.before).execute(connection).await?;
                Ok(())
            })
        });
        done.await
    }

    async fn drop_manifests(&self, at: Moments) -> Result<u64, Error> {
        let mut dropped = 0;
        let mut after = String::new();
        loop {
            let page: Vec<String> = sqlx::query_scalar(concat!(
                "SELECT digest FROM manifests WHERE digest > $3 AND ",
                manifest_is_garbage!(),
                " ORDER BY digest LIMIT $4"
            ))
            .bind(at.before)
            .bind(at.now)
            .bind(&after)
            .bind(PAGE)
            .fetch_all(self.database().reads())
            .await?;
            let Some(last) = page.last() else { return Ok(dropped) };
            after.clone_from(last);
            let done = self.write(move |connection| {
                Box::pin(async move {
                    let mut count = 0;
                    for digest in page {
                        let statement =
                            concat!("DELETE FROM manifests WHERE digest = $3 AND ", manifest_is_garbage!());
                        let query = sqlx::query(statement).bind(at.before).bind(at.now).bind(digest);
                        count += query.execute(&mut *connection).await?.rows_affected();
                    }
                    Ok(count)
                })
            });
            dropped += done.await?;
        }
    }

    async fn drop_links(&self, at: Moments) -> Result<u64, Error> {
        let mut dropped = 0;
        let mut after = (String::new(), String::new());
        loop {
            let page: Vec<(String, String)> = sqlx::query_as(concat!(
                "SELECT repository, digest FROM repository_blobs WHERE (repository, digest) > ($3, $4) AND ",
                link_is_garbage!(),
                " ORDER BY repository, digest LIMIT $5"
            ))
            .bind(at.before)
            .bind(at.now)
            .bind(&after.0)
            .bind(&after.1)
            .bind(PAGE)
            .fetch_all(self.database().reads())
            .await?;
            let Some(last) = page.last() else { return Ok(dropped) };
            after.clone_from(last);
            let done = self.write(move |connection| {
                Box::pin(async move {
                    let mut count = 0;
                    for (repository, digest) in page {
                        let statement = concat!(
                            "DELETE FROM repository_blobs WHERE repository = $3 AND digest = $4 AND ",
                            link_is_garbage!()
                        );
                        let query = sqlx::query(statement).bind(at.before).bind(at.now);
                        let done = query.bind(repository).bind(digest).execute(&mut *connection).await?;
                        count += done.rows_affected();
                    }
                    Ok(count)
                })
            });
            dropped += done.await?;
        }
    }

    async fn drop_blobs(&self, at: Moments, swept: &mut Swept) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let page: Vec<(String, i64)> = sqlx::query_as(concat!(
                "SELECT digest, size FROM blobs WHERE digest > $3 AND ",
                blob_is_garbage!(),
                " ORDER BY digest LIMIT $4"
            ))
            .bind(at.before)
            .bind(at.now)
            .bind(&after)
            .bind(PAGE)
            .fetch_all(self.database().reads())
            .await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            let sizes: Vec<Option<u64>> = futures::stream::iter(page)
                .map(|(digest, size)| async move {
                    let digest = digest_of(digest, "blobs")?;
                    let gone = self.drop_blob(at, &digest).await?;
                    Ok::<_, Error>(if gone { Some(bytes_of(size, "blobs")?) } else { None })
                })
                .buffer_unordered(ABREAST)
                .try_collect()
                .await?;
            for size in sizes.into_iter().flatten() {
                swept.files += 1;
                swept.bytes += size;
            }
        }
    }

    /// Removes one blob if it still is garbage. Says whether it went.
    async fn drop_blob(&self, at: Moments, digest: &Digest) -> Result<bool, Error> {
        let _lock = self.shared.stripes.lock(digest).await;
        let name = digest.to_string();
        let done = self.write(move |connection| {
            Box::pin(async move {
                let statement = concat!("DELETE FROM blobs WHERE digest = $3 AND ", blob_is_garbage!());
                let query = sqlx::query(statement).bind(at.before).bind(at.now).bind(name);
                Ok(query.execute(connection).await?.rows_affected())
            })
        });
        let gone = done.await? > 0;
        if gone {
            let (files, digest) = (self.shared.files.clone(), digest.clone());
            spawn_blocking(move || files.unlink(&digest)).await??;
        }
        Ok(gone)
    }
}
