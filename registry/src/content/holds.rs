//! Who keeps content: runs and cache entries, each by its own text.

use vocab::{Digest, Timestamp};

use super::Content;
use super::rows::{digest_of, millis};
use super::store::is_there;
use crate::Error;

/// A row that keeps a digest from being swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldBy {
    /// A run or a cache entry.
    Owner(String),
    /// A manifest that needs it.
    Manifest(Digest),
    /// A repository that links to it.
    Repository(String),
    /// It was deleted from a repository and can still be brought back.
    Tombstone {
        /// The repository.
        repository: String,
        /// When it was deleted.
        deleted: Timestamp,
    },
    /// Somebody was promised that it stays until then.
    Lease(Timestamp),
}

/// An owner that holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its own text.
    pub owner: String,
    /// When it was last given something to hold, or held something again.
    pub since: Timestamp,
}

impl Content {
    /// Keeps all of `digests` for `owner`, or none: returns when that is on the disk. Holding twice is holding.
    /// Holding a manifest holds its config, layers and children.
    ///
    /// # Errors
    /// [`Error::UnknownContent`] names the first that is not there.
    pub async fn hold(&self, owner: &str, digests: &[Digest]) -> Result<(), Error> {
        let (owner, digests, now) = (owner.to_owned(), digests.to_vec(), self.now());
        let done = self.write(move |connection| {
            Box::pin(async move {
                for digest in digests {
                    if !is_there(connection, &digest).await? {
                        return Err(Error::UnknownContent { digest });
                    }
                    sqlx::query(
                        "INSERT INTO holds (owner, digest, held_ms) VALUES ($1, $2, $3) \
                         ON CONFLICT (owner, digest) DO UPDATE SET held_ms = excluded.held_ms",
                    )
                    .bind(&owner)
                    .bind(digest.to_string())
                    .bind(millis(now))
                    .execute(&mut *connection)
                    .await?;
                }
                Ok(())
            })
        });
        done.await
    }

    /// Ends all holds of `owner`. The grace of what nobody needs any more begins now. Releasing twice is fine.
    pub async fn release(&self, owner: &str) -> Result<(), Error> {
        self.release_unless(owner, None).await.map(drop)
    }

    /// As [`Content::release`], but only when `owner` has held nothing since `before`. Whether it held anything, and
    /// was released.
    pub async fn release_stale(&self, owner: &str, before: Timestamp) -> Result<bool, Error> {
        self.release_unless(owner, Some(before)).await
    }

    async fn release_unless(&self, owner: &str, before: Option<Timestamp>) -> Result<bool, Error> {
        let (owner, now) = (owner.to_owned(), millis(self.now()));
        let done = self.write(move |connection| {
            Box::pin(async move {
                let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(held_ms) FROM holds WHERE owner = $1")
                    .bind(&owner)
                    .fetch_one(&mut *connection)
                    .await?;
                if newest.is_none_or(|newest| before.is_some_and(|before| newest > millis(before))) {
                    return Ok(false);
                }
                for statement in [
                    "UPDATE blobs SET touched_ms = $2 WHERE digest IN (SELECT digest FROM holds WHERE owner = $1)",
                    "UPDATE manifests SET touched_ms = $2 \
                     WHERE digest IN (SELECT digest FROM holds WHERE owner = $1)",
                ] {
                    sqlx::query(statement).bind(&owner).bind(now).execute(&mut *connection).await?;
                }
                sqlx::query("DELETE FROM holds WHERE owner = $1").bind(&owner).execute(connection).await?;
                Ok(true)
            })
        });
        done.await
    }

    /// Every owner that begins with `prefix` and holds something, sorted: to find holds whose owner is gone.
    pub async fn owners(&self, prefix: &str) -> Result<Vec<Holder>, Error> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT owner, MAX(held_ms) FROM holds WHERE substr(owner, 1, length($1)) = $1 \
             GROUP BY owner ORDER BY owner",
        )
        .bind(prefix)
        .fetch_all(self.database().reads())
        .await?;
        let holder = |(owner, since)| Holder { owner, since: Timestamp::from_millis(since) };
        Ok(rows.into_iter().map(holder).collect())
    }

    /// Everything that keeps `digest` now; empty means that the next sweep past its grace may take it.
    pub async fn held_by(&self, digest: &Digest) -> Result<Vec<HeldBy>, Error> {
        let text = digest.to_string();
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT 'owner', owner, 0 FROM holds WHERE digest = $1 \
             UNION ALL SELECT 'manifest', manifest, 0 FROM manifest_references WHERE digest = $1 \
             UNION ALL SELECT 'repository', repository, 0 FROM repository_blobs WHERE digest = $1 \
             UNION ALL SELECT 'repository', repository, 0 FROM repository_manifests WHERE digest = $1 \
             UNION ALL SELECT 'tombstone', repository, deleted_ms FROM tombstones WHERE digest = $1 \
             UNION ALL SELECT 'lease', '', leased_until_ms FROM blobs WHERE digest = $1 AND leased_until_ms > $2 \
             UNION ALL SELECT 'lease', '', leased_until_ms FROM manifests \
             WHERE digest = $1 AND leased_until_ms > $2",
        )
        .bind(&text)
        .bind(millis(self.now()))
        .fetch_all(self.database().reads())
        .await?;
        rows.into_iter()
            .map(|(kind, name, at)| {
                let at = Timestamp::from_millis(at);
                Ok(match kind.as_str() {
                    "owner" => HeldBy::Owner(name),
                    "manifest" => HeldBy::Manifest(digest_of(name, "manifest_references")?),
                    "repository" => HeldBy::Repository(name),
                    "tombstone" => HeldBy::Tombstone { repository: name, deleted: at },
                    _ => HeldBy::Lease(at),
                })
            })
            .collect()
    }
}
