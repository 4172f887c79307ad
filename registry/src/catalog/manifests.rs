//! Manifests of repositories: pushed and resolved.

use bytes::Bytes;
use sqlx::SqliteConnection;
use vocab::{Algorithm, Digest};

use super::claims::claim;
use super::repositories::ensure;
use super::tags::Step;
use super::{Catalog, Event, Expect, TagMove};
use crate::Error;
use crate::content::{Missing, digest_of, insert_manifest, millis};
use crate::model::{Locator, Manifest, Reference, RepositoryName, Role, Tag, digest_as};

/// A manifest as a repository shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its digest.
    pub digest: Digest,
    /// Its media type in this repository.
    pub media_type: String,
    /// Its bytes, exactly as they were pushed.
    pub bytes: Bytes,
}

/// How pushing a manifest went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It is in the repository, its tags name it, and that is on the disk.
    Stored {
        /// Its digest.
        digest: Digest,
        /// The manifest that it is about.
        subject: Option<Digest>,
    },
    /// A tag names something else than was expected; nothing changed.
    Conflict {
        /// The tag.
        tag: Tag,
        /// What it names.
        found: Option<Digest>,
    },
}

impl Catalog {
    /// Finds a manifest by tag or digest; `None` when the repository does not hold it.
    pub async fn resolve(
        &self,
        repository: &RepositoryName,
        locator: &Locator,
    ) -> Result<Option<Resolved>, Error> {
        let statement = match locator {
            Locator::Tag(_) => {
                "SELECT m.digest, l.media_type, m.content FROM tags t \
                 JOIN repository_manifests l ON l.repository = t.repository AND l.digest = t.digest \
                 JOIN manifests m ON m.digest = t.digest WHERE t.repository = $1 AND t.tag = $2"
            }
            Locator::Digest(_) => {
                "SELECT m.digest, l.media_type, m.content FROM repository_manifests l \
                 JOIN manifests m ON m.digest = l.digest WHERE l.repository = $1 AND l.digest = $2"
            }
        };
        let found: Option<(String, String, Vec<u8>)> = sqlx::query_as(statement)
            .bind(repository.as_str())
            .bind(locator.to_string())
            .fetch_optional(self.database().reads())
            .await?;
        found
            .map(|(digest, media_type, bytes)| {
                Ok(Resolved { digest: digest_of(digest, "manifests")?, media_type, bytes: bytes.into() })
            })
            .transpose()
    }

    /// Puts a manifest into a repository and points `tags` at it, all in one transaction. Everything that it needs
    /// must be in the repository; its subject need not be.
    ///
    /// # Errors
    /// [`Error::Manifest`], [`Error::MissingReferences`], [`Error::WrongSize`].
    pub async fn push_manifest(&self, push: Push) -> Result<Pushed, Error> {
        let manifest = Manifest::parse(&push.bytes, &push.media_type)?;
        let digest = digest_as(push.algorithm, &push.bytes);
        let subject = manifest.subject.clone();
        let (now, until) = (self.now(), self.leased_until());
        let steps: Vec<Step> = push
            .tags
            .iter()
            .map(|tag| Step {
                repository: push.repository.clone(),
                tag: tag.clone(),
                expected: push.expected.clone(),
                to: Some(digest.clone()),
                by: push.by.clone(),
            })
            .collect();
        let (name, to, bytes, by) =
            (push.repository.clone(), digest.clone(), push.bytes.clone(), push.by.clone());
        let (media_type, planned) = (manifest.media_type.clone(), steps.clone());
        let outcome = self
            .database()
            .write(move |connection| {
                Box::pin(async move {
                    check_references(connection, &name, &manifest.references).await?;
                    ensure(connection, &name, now).await?;
                    insert_manifest(connection, &manifest, &to, &bytes, now, until).await?;
                    let fresh = link(connection, &name, &to, &manifest.media_type, &by, millis(now)).await?;
                    claim(connection, &name, &to, &by, now).await?;
                    let mut moved = Vec::new();
                    for step in &planned {
                        match step.apply(connection, now).await? {
                            // An error rolls back all that was written before.
                            TagMove::Conflict { found } => {
                                return Err(Refused::Conflict { tag: step.tag.clone(), found });
                            }
                            done @ TagMove::Moved { .. } => moved.push(done),
                        }
                    }
                    Ok((fresh, moved))
                })
            })
            .await;
        let (fresh, moved) = match outcome {
            Err(Refused::Conflict { tag, found }) => return Ok(Pushed::Conflict { tag, found }),
            Err(Refused::Failed(error)) => return Err(error),
            Ok(done) => done,
        };
        if fresh {
            let (repository, digest) = (push.repository, digest.clone());
            self.tell(Event::ManifestPushed { repository, digest, media_type, by: push.by });
        }
        for (step, moved) in steps.into_iter().zip(&moved) {
            self.tell_moved(step, moved);
        }
        Ok(Pushed::Stored { digest, subject })
    }
}

/// A manifest on its way into a repository.
#[derive(Debug, Clone)]
pub struct Push {
    /// Where it goes.
    pub repository: RepositoryName,
    /// Its bytes.
    pub bytes: Bytes,
    /// Its type, as the client gave it.
    pub media_type: String,
    /// The hash function of the digest that it goes by.
    pub algorithm: Algorithm,
    /// The tags that shall name it.
    pub tags: Vec<Tag>,
    /// What each of those tags must name before.
    pub expected: Expect,
    /// Who pushes.
    pub by: String,
}

/// Why a push was rolled back.
enum Refused {
    Conflict { tag: Tag, found: Option<Digest> },
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

async fn check_references(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    references: &[Reference],
) -> Result<(), Error> {
    let mut missing = Missing::default();
    for reference in references {
        let stored: Option<i64> = sqlx::query_scalar(match reference.role {
            Role::Blob => {
                "SELECT b.size FROM repository_blobs l JOIN blobs b ON b.digest = l.digest \
                 WHERE l.repository = $1 AND l.digest = $2"
            }
            Role::Manifest => {
                "SELECT m.size FROM repository_manifests l JOIN manifests m ON m.digest = l.digest \
                 WHERE l.repository = $1 AND l.digest = $2"
            }
        })
        .bind(repository.as_str())
        .bind(reference.digest.to_string())
        .fetch_optional(&mut *connection)
        .await?;
        missing.note(reference, stored)?;
    }
    missing.refuse()
}

/// Puts the manifest into the repository. Says whether it was not there before.
async fn link(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
    media_type: &str,
    by: &str,
    now: i64,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO repository_manifests (repository, digest, tenant, media_type, pushed_ms, pushed_by) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (repository, digest) DO NOTHING",
    )
    .bind(repository.as_str())
    .bind(digest.to_string())
    .bind(repository.tenant().as_str())
    .bind(media_type)
    .bind(now)
    .bind(by)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}
