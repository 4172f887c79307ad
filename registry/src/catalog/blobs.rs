//! Blobs of repositories: links, and the leases on them.

use sqlx::SqliteConnection;
use vocab::{Digest, Timestamp};

use super::Catalog;
use super::repositories::ensure;
use crate::Error;
use crate::content::{bytes_of, digest_of, millis};
use crate::model::RepositoryName;

impl Catalog {
    /// The size of a blob, if this repository links to it.
    pub async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<u64>, Error> {
        Ok(self.link(repository, digest).await?.map(|(size, _)| size))
    }

    /// As [`Catalog::blob`], and promises that the link stays for the lease: a client that saw the blob there
    /// will name it in a manifest without sending it.
    pub async fn lease_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>, Error> {
        let Some((size, leased)) = self.link(repository, digest).await? else { return Ok(None) };
        // Renewed when half of it is over, so that asking often does not write often.
        if leased.since(self.now()) > self.lease() / 2 {
            return Ok(Some(size));
        }
        let (repository, digest, until) = (repository.clone(), digest.clone(), self.leased_until());
        let renewed: u64 = self
            .write(move |connection| {
                Box::pin(async move {
                    let renewed = sqlx::query(
                        "UPDATE repository_blobs SET leased_until_ms = $3 WHERE repository = $1 AND digest = $2",
                    )
                    .bind(repository.as_str())
                    .bind(digest.to_string())
                    .bind(millis(until))
                    .execute(connection)
                    .await?;
                    Ok(renewed.rows_affected())
                })
            })
            .await?;
        Ok((renewed > 0).then_some(size))
    }

    /// Links a blob of repository `from` into `repository`, under a lease. Says whether it was there.
    pub async fn mount_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        from: &RepositoryName,
    ) -> Result<bool, Error> {
        let (repository, digest, from) = (repository.clone(), digest.clone(), from.clone());
        let (now, until) = (self.now(), self.leased_until());
        self.write(move |connection| {
            Box::pin(async move {
                let found: Option<i64> = sqlx::query_scalar(
                    "SELECT 1 FROM repository_blobs WHERE repository = $1 AND digest = $2",
                )
                .bind(from.as_str())
                .bind(digest.to_string())
                .fetch_optional(&mut *connection)
                .await?;
                if found.is_some() {
                    link_blob(connection, &repository, &digest, now, until).await?;
                }
                Ok(found.is_some())
            })
        })
        .await
    }

    /// At most `count` repositories of the same tenant that link to the blob.
    pub async fn siblings_with(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        count: u32,
    ) -> Result<Vec<RepositoryName>, Error> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT repository FROM repository_blobs WHERE digest = $1 AND tenant = $2 ORDER BY repository LIMIT $3",
        )
        .bind(digest.to_string())
        .bind(repository.tenant().as_str())
        .bind(i64::from(count))
        .fetch_all(self.database().reads())
        .await?;
        names.into_iter().map(|name| name.parse().map_err(Error::Name)).collect()
    }

    /// Takes a blob out of a repository at once. Its bytes stay for the grace of deleted things.
    ///
    /// # Errors
    /// [`Error::UnknownContent`] when the repository does not link to it, [`Error::Needed`] while a manifest of the
    /// repository needs it.
    pub async fn delete_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        by: &str,
    ) -> Result<(), Error> {
        let (repository, digest, by, now) = (repository.clone(), digest.clone(), by.to_owned(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let needed: Option<String> = sqlx::query_scalar(
                    "SELECT r.manifest FROM manifest_references r JOIN repository_manifests m \
                     ON m.digest = r.manifest AND m.repository = $1 \
                     WHERE r.digest = $2 AND r.role = 'blob' LIMIT 1",
                )
                .bind(repository.as_str())
                .bind(digest.to_string())
                .fetch_optional(&mut *connection)
                .await?;
                if let Some(manifest) = needed {
                    return Err(Error::Needed { digest, by: digest_of(manifest, "manifest_references")? });
                }
                let gone = sqlx::query("DELETE FROM repository_blobs WHERE repository = $1 AND digest = $2")
                    .bind(repository.as_str())
                    .bind(digest.to_string())
                    .execute(&mut *connection)
                    .await?;
                if gone.rows_affected() == 0 {
                    return Err(Error::UnknownContent { digest });
                }
                bury(connection, &repository, &digest, Grave::Blob, &by, now).await
            })
        })
        .await
    }

    async fn link(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<(u64, Timestamp)>, Error> {
        let found: Option<(i64, i64)> = sqlx::query_as(
            "SELECT b.size, l.leased_until_ms FROM repository_blobs l JOIN blobs b ON b.digest = l.digest \
             WHERE l.repository = $1 AND l.digest = $2",
        )
        .bind(repository.as_str())
        .bind(digest.to_string())
        .fetch_optional(self.database().reads())
        .await?;
        found.map(|(size, leased)| Ok((bytes_of(size, "blobs")?, Timestamp::from_millis(leased)))).transpose()
    }
}

/// Links a blob that has its row, under a lease.
pub(crate) async fn link_blob(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), Error> {
    ensure(connection, repository, now).await?;
    sqlx::query(
        "INSERT INTO repository_blobs (repository, digest, tenant, touched_ms, leased_until_ms) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (repository, digest) DO UPDATE \
         SET touched_ms = excluded.touched_ms, leased_until_ms = excluded.leased_until_ms",
    )
    .bind(repository.as_str())
    .bind(digest.to_string())
    .bind(repository.tenant().as_str())
    .bind(millis(now))
    .bind(millis(until))
    .execute(connection)
    .await?;
    Ok(())
}

/// What a tombstone stands for.
pub(super) enum Grave<'a> {
    Blob,
    /// With the type that it had in the repository.
    Manifest(&'a str),
}

/// Keeps what was deleted from the sweep, until its grace is over.
pub(super) async fn bury(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
    grave: Grave<'_>,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let (role, media_type) = match grave {
        Grave::Blob => ("blob", None),
        Grave::Manifest(media_type) => ("manifest", Some(media_type)),
    };
    sqlx::query(
        "INSERT INTO tombstones (repository, digest, role, tenant, media_type, deleted_ms, deleted_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (repository, digest, role) \
         DO UPDATE SET deleted_ms = excluded.deleted_ms, deleted_by = excluded.deleted_by",
    )
    .bind(repository.as_str())
    .bind(digest.to_string())
    .bind(role)
    .bind(repository.tenant().as_str())
    .bind(media_type)
    .bind(millis(now))
    .bind(by)
    .execute(connection)
    .await?;
    Ok(())
}
