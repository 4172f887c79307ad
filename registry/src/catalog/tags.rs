//! Tags: names that move, one compare-and-set at a time, and their history.

use sqlx::SqliteConnection;
use vocab::{Digest, Timestamp};

use super::{Catalog, Event};
use crate::Error;
use crate::content::{digest_of, millis};
use crate::model::{Locator, RepositoryName, Tag};

/// What a tag must name for it to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Whatever it names.
    Any,
    /// It must not be there.
    Absent,
    /// It must name this digest.
    Is(Digest),
}

impl Expect {
    fn allows(&self, found: Option<&Digest>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => found.is_none(),
            Self::Is(expected) => found == Some(expected),
        }
    }
}

/// How moving a tag went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagMove {
    /// The tag names the new digest (or is gone), and that is on the disk.
    Moved {
        /// What it named before.
        previous: Option<Digest>,
    },
    /// The tag names something else than was expected; nothing changed.
    Conflict {
        /// What it names.
        found: Option<Digest>,
    },
}

/// One move in the history of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagMoveRecord {
    /// What it named before; `None` when it was made.
    pub old: Option<Digest>,
    /// What it named after; `None` when it was removed.
    pub new: Option<Digest>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

impl Catalog {
    /// Moves a tag to a manifest of the repository, or removes it with `to: None`, if it names what is expected:
    /// one transaction, on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::UnknownManifest`] when the repository does not hold `to`.
    pub async fn move_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        expected: Expect,
        to: Option<Digest>,
        by: &str,
    ) -> Result<TagMove, Error> {
        let step = Step { repository: repository.clone(), tag: tag.clone(), expected, to, by: by.to_owned() };
        let (job, now) = (step.clone(), self.now());
        let moved = self.write(move |connection| Box::pin(async move { job.apply(connection, now).await }));
        let moved = moved.await?;
        self.tell_moved(step, &moved);
        Ok(moved)
    }

    /// Removes a tag, whatever it names; the manifest stays. Says what it named.
    ///
    /// # Errors
    /// [`Error::UnknownManifest`] when there is no such tag.
    pub async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        by: &str,
    ) -> Result<Digest, Error> {
        let moved = self.move_tag(repository, tag, Expect::Any, None, by).await?;
        if let TagMove::Moved { previous: Some(digest) } = moved {
            return Ok(digest);
        }
        let (repository, locator) = (repository.clone(), Locator::Tag(tag.clone()));
        Err(Error::UnknownManifest { repository, locator })
    }

    /// At most `count` tags after `last`, sorted by their bytes.
    ///
    /// # Errors
    /// [`Error::UnknownRepository`].
    pub async fn tags(&self, repository: &RepositoryName, count: u32, last: &str) -> Result<Vec<Tag>, Error> {
        let tags: Vec<String> = sqlx::query_scalar(
            "SELECT tag FROM tags WHERE repository = $1 AND tag > $2 ORDER BY tag LIMIT $3",
        )
        .bind(repository.as_str())
        .bind(last)
        .bind(i64::from(count))
        .fetch_all(self.database().reads())
        .await?;
        if tags.is_empty() && !self.holds(repository).await? {
            return Err(Error::UnknownRepository { repository: repository.clone() });
        }
        tags.into_iter().map(|tag| tag.parse().map_err(Error::Name)).collect()
    }

    /// The last `count` moves of a tag, newest first. A tag that is gone keeps its history.
    pub async fn tag_history(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        count: u32,
    ) -> Result<Vec<TagMoveRecord>, Error> {
        type Row = (Option<String>, Option<String>, i64, String);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT old_digest, new_digest, moved_ms, moved_by FROM tag_history \
             WHERE repository = $1 AND tag = $2 ORDER BY number DESC LIMIT $3",
        )
        .bind(repository.as_str())
        .bind(tag.as_str())
        .bind(i64::from(count))
        .fetch_all(self.database().reads())
        .await?;
        let digest = |text: Option<String>| text.map(|text| digest_of(text, "tag_history")).transpose();
        rows.into_iter()
            .map(|(old, new, at, by)| {
                Ok(TagMoveRecord { old: digest(old)?, new: digest(new)?, at: Timestamp::from_millis(at), by })
            })
            .collect()
    }

    /// Tells that a tag moved, if it did.
    pub(super) fn tell_moved(&self, step: Step, moved: &TagMove) {
        if let TagMove::Moved { previous } = moved
            && *previous != step.to
        {
            let Step { repository, tag, to: digest, by, .. } = step;
            self.tell(Event::TagMoved { repository, tag, previous: previous.clone(), digest, by });
        }
    }
}

/// One move of a tag, to be applied inside a transaction.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) repository: RepositoryName,
    pub(super) tag: Tag,
    pub(super) expected: Expect,
    pub(super) to: Option<Digest>,
    pub(super) by: String,
}

impl Step {
    pub(super) async fn apply(
        &self,
        connection: &mut SqliteConnection,
        now: Timestamp,
    ) -> Result<TagMove, Error> {
        let (repository, tag) = (self.repository.as_str(), self.tag.as_str());
        let found: Option<String> =
            sqlx::query_scalar("SELECT digest FROM tags WHERE repository = $1 AND tag = $2")
                .bind(repository)
                .bind(tag)
                .fetch_optional(&mut *connection)
                .await?;
        let found = found.map(|text| digest_of(text, "tags")).transpose()?;
        if !self.expected.allows(found.as_ref()) {
            return Ok(TagMove::Conflict { found });
        }
        match &self.to {
            // Moving a tag to where it is must not fill its history.
            to if *to == found => return Ok(TagMove::Moved { previous: found }),
            Some(to) => self.point(connection, to, now).await?,
            None => {
                sqlx::query("DELETE FROM tags WHERE repository = $1 AND tag = $2")
                    .bind(repository)
                    .bind(tag)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        self.record(connection, found.as_ref(), now).await?;
        Ok(TagMove::Moved { previous: found })
    }

    async fn point(
        &self,
        connection: &mut SqliteConnection,
        to: &Digest,
        now: Timestamp,
    ) -> Result<(), Error> {
        let held: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM repository_manifests WHERE repository = $1 AND digest = $2")
                .bind(self.repository.as_str())
                .bind(to.to_string())
                .fetch_optional(&mut *connection)
                .await?;
        if held.is_none() {
            let (repository, locator) = (self.repository.clone(), Locator::Digest(to.clone()));
            return Err(Error::UnknownManifest { repository, locator });
        }
        sqlx::query(
            "INSERT INTO tags (repository, tag, tenant, digest, moved_ms, moved_by) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (repository, tag) DO UPDATE SET \
             digest = excluded.digest, moved_ms = excluded.moved_ms, moved_by = excluded.moved_by",
        )
        .bind(self.repository.as_str())
        .bind(self.tag.as_str())
        .bind(self.repository.tenant().as_str())
        .bind(to.to_string())
        .bind(millis(now))
        .bind(&self.by)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn record(
        &self,
        connection: &mut SqliteConnection,
        old: Option<&Digest>,
        now: Timestamp,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO tag_history (repository, tag, number, tenant, old_digest, new_digest, moved_ms, moved_by) \
             SELECT $1, $2, COALESCE(MAX(number), 0) + 1, $3, $4, $5, $6, $7 FROM tag_history \
             WHERE repository = $1 AND tag = $2",
        )
        .bind(self.repository.as_str())
        .bind(self.tag.as_str())
        .bind(self.repository.tenant().as_str())
        .bind(old.map(Digest::to_string))
        .bind(self.to.as_ref().map(Digest::to_string))
        .bind(millis(now))
        .bind(&self.by)
        .execute(connection)
        .await?;
        Ok(())
    }
}
