//! Publishing an image that the content store has already: rows only, no byte moves.

use vocab::Digest;

use super::claims::is_claimed;
use super::repositories::ensure;
use super::{Catalog, Event};
use crate::Error;
use crate::content::millis;
use crate::model::RepositoryName;

// What the manifest $1 needs, itself included. A macro, so that statements stay literals.
macro_rules! closure {
    () => {
        "WITH RECURSIVE closure (digest, role) AS ( \
         SELECT digest, 'manifest' FROM manifests WHERE digest = $1 \
         UNION SELECT r.digest, r.role FROM manifest_references r \
         JOIN closure c ON r.manifest = c.digest AND c.role = 'manifest') "
    };
}

const LINK_MANIFESTS: &str = concat!(
    "INSERT INTO repository_manifests (repository, digest, tenant, media_type, pushed_ms, pushed_by) ",
    closure!(),
    "SELECT $2, m.digest, $3, m.media_type, $4, $5 FROM closure c \
     JOIN manifests m ON m.digest = c.digest AND c.role = 'manifest' WHERE 1 = 1 \
     ON CONFLICT (repository, digest) DO NOTHING"
);
const CLAIM_MANIFESTS: &str = concat!(
    "INSERT INTO manifest_claims (repository, digest, tenant, claimed_ms, publisher) ",
    closure!(),
    "SELECT $2, c.digest, $3, $4, $5 FROM closure c WHERE c.role = 'manifest' \
     ON CONFLICT (repository, digest, publisher) DO NOTHING"
);
const LINK_BLOBS: &str = concat!(
    "INSERT INTO repository_blobs (repository, digest, tenant, touched_ms, leased_until_ms) ",
    closure!(),
    "SELECT $2, b.digest, $3, $4, $4 FROM closure c \
     JOIN blobs b ON b.digest = c.digest AND c.role = 'blob' WHERE 1 = 1 \
     ON CONFLICT (repository, digest) DO NOTHING"
);

impl Catalog {
    /// Makes an image of the content store visible in a repository: its manifest, children, configs and layers.
    /// No tag moves. Linking twice is fine. `by` claims its manifests from now on: they stay until every claim has
    /// ended ([`Catalog::withdraw_image`]). Says whether the claim is new.
    ///
    /// # Errors
    /// [`Error::UnknownContent`] when the store holds no such manifest.
    pub async fn link_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        by: &str,
    ) -> Result<bool, Error> {
        let (name, image, author, now) = (repository.clone(), digest.clone(), by.to_owned(), self.now());
        let (fresh, claimed): (Option<String>, bool) = self
            .write(move |connection| {
                Box::pin(async move {
                    let found: Option<(String, Option<i64>)> = sqlx::query_as(
                        "SELECT m.media_type, (SELECT 1 FROM repository_manifests l \
                         WHERE l.repository = $2 AND l.digest = m.digest) FROM manifests m WHERE m.digest = $1",
                    )
                    .bind(image.to_string())
                    .bind(name.as_str())
                    .fetch_optional(&mut *connection)
                    .await?;
                    let (media_type, linked) = found.ok_or(Error::UnknownContent { digest: image.clone() })?;
                    ensure(connection, &name, now).await?;
                    let claimed = is_claimed(connection, &name, &image, &author).await?;
                    for statement in [LINK_MANIFESTS, CLAIM_MANIFESTS, LINK_BLOBS] {
                        let query = sqlx::query(statement)
                            .bind(image.to_string())
                            .bind(name.as_str())
                            .bind(name.tenant().as_str())
                            .bind(millis(now));
                        let query = if statement == LINK_BLOBS { query } else { query.bind(&author) };
                        query.execute(&mut *connection).await?;
                    }
                    Ok((linked.is_none().then_some(media_type), !claimed))
                })
            })
            .await?;
        if let Some(media_type) = fresh {
            let (repository, digest, by) = (repository.clone(), digest.clone(), by.to_owned());
            self.tell(Event::ManifestPushed { repository, digest, media_type, by });
        }
        Ok(claimed)
    }
}
