//! Manifests that are taken out of a repository because somebody says so.

use sqlx::SqliteConnection;
use vocab::{Digest, Timestamp};

use super::blobs::{Grave, bury};
use super::tags::Step;
use super::{Catalog, Event, Expect, TagMove};
use crate::Error;
use crate::content::{digest_of, millis};
use crate::model::{Locator, RepositoryName, Tag};

impl Catalog {
    /// Takes a manifest out of a repository at once, and the tags that name it. It can be brought back until the
    /// grace of deleted things is over.
    ///
    /// # Errors
    /// [`Error::UnknownManifest`]; [`Error::Needed`] while an index of the repository needs it.
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        by: &str,
    ) -> Result<(), Error> {
        let (name, gone, author, now) = (repository.clone(), digest.clone(), by.to_owned(), self.now());
        let steps: Vec<Step> = self
            .write(move |connection| {
                Box::pin(async move {
                    not_needed(connection, &name, &gone).await?;
                    let mut steps = Vec::new();
                    for tag in tags_of(connection, &name, &gone).await? {
                        let (repository, by) = (name.clone(), author.clone());
                        let step = Step { repository, tag, expected: Expect::Any, to: None, by };
                        step.apply(connection, now).await?;
                        steps.push(step);
                    }
                    if !take_out(connection, &name, &gone, &author, now).await? {
                        return Err(unknown(&name, &gone));
                    }
                    Ok(steps)
                })
            })
            .await?;
        for step in steps {
            self.tell_moved(step, &TagMove::Moved { previous: Some(digest.clone()) });
        }
        self.tell_deleted(repository, digest, by);
        Ok(())
    }

    /// As [`Catalog::delete_manifest`], but only while no tag names the manifest; else nothing changes, and this is
    /// such a tag.
    ///
    /// # Errors
    /// [`Error::UnknownManifest`]; [`Error::Needed`] while an index of the repository needs it.
    pub async fn delete_untagged(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        by: &str,
    ) -> Result<Option<Tag>, Error> {
        let (name, gone, author, now) = (repository.clone(), digest.clone(), by.to_owned(), self.now());
        let tag: Option<Tag> = self
            .write(move |connection| {
                Box::pin(async move {
                    not_needed(connection, &name, &gone).await?;
                    let tag = tags_of(connection, &name, &gone).await?.into_iter().next();
                    if tag.is_none() && !take_out(connection, &name, &gone, &author, now).await? {
                        return Err(unknown(&name, &gone));
                    }
                    Ok(tag)
                })
            })
            .await?;
        if tag.is_none() {
            self.tell_deleted(repository, digest, by);
        }
        Ok(tag)
    }

    /// Tells that a manifest was taken out.
    pub(super) fn tell_deleted(&self, repository: &RepositoryName, digest: &Digest, by: &str) {
        let (repository, digest, by) = (repository.clone(), digest.clone(), by.to_owned());
        self.tell(Event::ManifestDeleted { repository, digest, by });
    }
}

fn unknown(repository: &RepositoryName, digest: &Digest) -> Error {
    Error::UnknownManifest { repository: repository.clone(), locator: Locator::Digest(digest.clone()) }
}

/// The tags that name `digest`.
pub(super) async fn tags_of(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Vec<Tag>, Error> {
    let statement = "SELECT tag FROM tags WHERE repository = $1 AND digest = $2 ORDER BY tag";
    let tags: Vec<String> = sqlx::query_scalar(statement)
        .bind(repository.as_str())
        .bind(digest.to_string())
        .fetch_all(connection)
        .await?;
    tags.into_iter().map(|tag| tag.parse().map_err(Error::Name)).collect()
}

/// Fails while an index of the repository needs the manifest: clients that pull the index would miss it.
async fn not_needed(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<(), Error> {
    match needed_by(connection, repository, digest).await? {
        Some(by) => Err(Error::Needed { digest: digest.clone(), by }),
        None => Ok(()),
    }
}

/// A manifest of the repository that needs the manifest `digest`.
pub(super) async fn needed_by(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<Digest>, Error> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT r.manifest FROM manifest_references r \
         JOIN repository_manifests l ON l.repository = $1 AND l.digest = r.manifest \
         WHERE r.digest = $2 AND r.role = 'manifest' LIMIT 1",
    )
    .bind(repository.as_str())
    .bind(digest.to_string())
    .fetch_optional(connection)
    .await?;
    found.map(|manifest| digest_of(manifest, "manifest_references")).transpose()
}

/// Takes out a manifest that no tag names, with all claims on it. Says whether it was there.
pub(super) async fn take_out(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
    by: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let media_type: Option<String> = sqlx::query_scalar(
        "DELETE FROM repository_manifests WHERE repository = $1 AND digest = $2 RETURNING media_type",
    )
    .bind(repository.as_str())
    .bind(digest.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(media_type) = media_type else { return Ok(false) };
    sqlx::query(
        "UPDATE repository_blobs SET touched_ms = $3 WHERE repository = $1 AND digest IN \
         (SELECT digest FROM manifest_references WHERE manifest = $2)",
    )
    .bind(repository.as_str())
    .bind(digest.to_string())
    .bind(millis(now))
    .execute(&mut *connection)
    .await?;
    bury(connection, repository, digest, Grave::Manifest(&media_type), by, now).await?;
    Ok(true)
}
