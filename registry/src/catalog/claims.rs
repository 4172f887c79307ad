//! Claims: who published a manifest in a repository, so that taking it back takes nothing from anybody else.

use sqlx::SqliteConnection;
use vocab::{Digest, Timestamp};

use super::Catalog;
use super::removal::{needed_by, tags_of, take_out};
use crate::Error;
use crate::content::{digest_of, millis};
use crate::model::{RepositoryName, Tag};

/// The manifest $1 and the children that it needs, each after all that need it.
const CLOSURE: &str = "WITH RECURSIVE closure (digest, depth) AS ( \
     SELECT $1, 0 UNION SELECT r.digest, c.depth + 1 FROM manifest_references r \
     JOIN closure c ON r.manifest = c.digest AND r.role = 'manifest') \
     SELECT digest FROM closure GROUP BY digest ORDER BY MAX(depth), digest";
/// A manifest of the repository that needs the manifest $2, and that $3 claims.
const NEEDED_BY_OWN: &str = "SELECT r.manifest FROM manifest_references r \
     JOIN manifest_claims c ON c.repository = $1 AND c.digest = r.manifest AND c.publisher = $3 \
     WHERE r.digest = $2 AND r.role = 'manifest' LIMIT 1";
const CLAIMED: &str =
    "SELECT 1 FROM manifest_claims WHERE repository = $1 AND digest = $2 AND publisher = $3";

/// What became of an image whose publisher took it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawal {
    /// It is out of the repository.
    Removed,
    /// It stays, since others publish it too; or its publisher has no claim on what is there.
    Claimed,
    /// It stays, since this tag names it.
    Tagged(Tag),
    /// It stays, since this manifest of the repository needs it.
    Needed(Digest),
}

impl Catalog {
    /// Ends the claim of `publisher` on an image and on its children, and takes out each of them that nobody else
    /// claims, no tag names and no other manifest of the repository needs: one transaction. What goes can be brought
    /// back until the grace of deleted things is over. Withdrawing twice is fine. `by` is remembered as who did it.
    pub async fn withdraw_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        publisher: &str,
        by: &str,
    ) -> Result<Withdrawal, Error> {
        let name = repository.clone();
        let job = Job {
            image: digest.clone(),
            publisher: publisher.to_owned(),
            by: by.to_owned(),
            now: self.now(),
        };
        let (outcome, gone): (Withdrawal, Vec<Digest>) =
            self.write(move |connection| Box::pin(async move { job.run(connection, &name).await })).await?;
        for digest in gone {
            self.tell_deleted(repository, &digest, by);
        }
        Ok(outcome)
    }
}

struct Job {
    image: Digest,
    publisher: String,
    by: String,
    now: Timestamp,
}

impl Job {
    async fn run(
        &self,
        connection: &mut SqliteConnection,
        repository: &RepositoryName,
    ) -> Result<(Withdrawal, Vec<Digest>), Error> {
        let closure: Vec<String> =
            sqlx::query_scalar(CLOSURE).bind(self.image.to_string()).fetch_all(&mut *connection).await?;
        let mut outcome = Withdrawal::Removed;
        let mut gone = Vec::new();
        for digest in closure {
            let digest = digest_of(digest, "manifest_references")?;
            let is_child = digest != self.image;
            // What another image of this publisher needs is withdrawn with that one.
            if is_child && self.needed(connection, repository, &digest, true).await?.is_some() {
                continue;
            }
            let found = self.withdraw(connection, repository, &digest).await?;
            if found == Withdrawal::Removed {
                gone.push(digest);
            }
            if !is_child {
                outcome = found;
            }
        }
        Ok((outcome, gone))
    }

    /// One manifest. `Claimed` when it is not this publisher's to take out, or not there.
    async fn withdraw(
        &self,
        connection: &mut SqliteConnection,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Withdrawal, Error> {
        let ended = sqlx::query(
            "DELETE FROM manifest_claims WHERE repository = $1 AND digest = $2 AND publisher = $3",
        )
        .bind(repository.as_str())
        .bind(digest.to_string())
        .bind(&self.publisher)
        .execute(&mut *connection)
        .await?;
        let others: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM manifest_claims WHERE repository = $1 AND digest = $2 LIMIT 1")
                .bind(repository.as_str())
                .bind(digest.to_string())
                .fetch_optional(&mut *connection)
                .await?;
        if ended.rows_affected() == 0 || others.is_some() {
            return Ok(Withdrawal::Claimed);
        }
        if let Some(tag) = tags_of(connection, repository, digest).await?.into_iter().next() {
            return Ok(Withdrawal::Tagged(tag));
        }
        if let Some(manifest) = self.needed(connection, repository, digest, false).await? {
            return Ok(Withdrawal::Needed(manifest));
        }
        take_out(connection, repository, digest, &self.by, self.now).await?;
        Ok(Withdrawal::Removed)
    }

    /// A manifest of the repository that needs `digest`; with `own`, one that this publisher claims.
    async fn needed(
        &self,
        connection: &mut SqliteConnection,
        repository: &RepositoryName,
        digest: &Digest,
        own: bool,
    ) -> Result<Option<Digest>, Error> {
        if !own {
            return needed_by(connection, repository, digest).await;
        }
        let query = sqlx::query_scalar(NEEDED_BY_OWN).bind(repository.as_str()).bind(digest.to_string());
        let found: Option<String> = query.bind(&self.publisher).fetch_optional(connection).await?;
        found.map(|manifest| digest_of(manifest, "manifest_references")).transpose()
    }
}

/// Whether `publisher` claims the manifest.
pub(super) async fn is_claimed(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
    publisher: &str,
) -> Result<bool, Error> {
    let found: Option<i64> = sqlx::query_scalar(CLAIMED)
        .bind(repository.as_str())
        .bind(digest.to_string())
        .bind(publisher)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// Claims a manifest that is in the repository. Claiming twice is claiming.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    digest: &Digest,
    publisher: &str,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO manifest_claims (repository, digest, publisher, tenant, claimed_ms) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (repository, digest, publisher) DO NOTHING",
    )
    .bind(repository.as_str())
    .bind(digest.to_string())
    .bind(publisher)
    .bind(repository.tenant().as_str())
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}
