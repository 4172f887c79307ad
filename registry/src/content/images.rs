//! Images in the store without a repository: manifests, and all that they need.

use bytes::Bytes;
use sqlx::SqliteConnection;
use vocab::{Algorithm, Digest, Timestamp};

use super::Content;
use super::rows::{bytes_of, column, digest_of, millis};
use crate::Error;
use crate::model::{Descriptor, Manifest, Reference, Role, digest_as};

/// How many missing digests an error names.
const NAMED: usize = 20;

/// What a manifest needs, itself included, each once, with sizes as stored.
const CLOSURE: &str = "WITH RECURSIVE closure (digest, role) AS ( \
     SELECT digest, 'manifest' FROM manifests WHERE digest = $1 \
     UNION SELECT r.digest, r.role FROM manifest_references r \
     JOIN closure c ON r.manifest = c.digest AND c.role = 'manifest') \
     SELECT c.digest, c.role, COALESCE(m.size, b.size, 0), COALESCE(m.media_type, b.media_type, '') FROM closure c \
     LEFT JOIN manifests m ON m.digest = c.digest AND c.role = 'manifest' \
     LEFT JOIN blobs b ON b.digest = c.digest AND c.role = 'blob' ORDER BY c.role DESC, c.digest";

/// A manifest with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes, exactly as they came.
    pub bytes: Bytes,
}

impl Content {
    /// Stores a manifest whose references are all in the store. Safe from a sweep for the lease; hold it before
    /// that ends: holding it holds its closure.
    ///
    /// # Errors
    /// [`Error::Manifest`], [`Error::MissingReferences`], [`Error::WrongSize`], [`Error::TooLarge`].
    pub async fn put_manifest(&self, bytes: Bytes, media_type: &str) -> Result<Descriptor, Error> {
        self.put_manifest_as(bytes, media_type, Algorithm::Sha256).await
    }

    pub(super) async fn put_manifest_as(
        &self,
        bytes: Bytes,
        media_type: &str,
        algorithm: Algorithm,
    ) -> Result<Descriptor, Error> {
        let limit = self.settings().manifest_bytes;
        if bytes.len() as u64 > limit {
            return Err(Error::TooLarge { limit });
        }
        let manifest = Manifest::parse(&bytes, media_type)?;
        let digest = digest_as(algorithm, &bytes);
        let descriptor = Descriptor {
            artifact_type: manifest.artifact_type.clone(),
            ..Descriptor::new(manifest.media_type.clone(), digest.clone(), bytes.len() as u64)
        };
        let (now, until) = (self.now(), self.leased_until());
        let done = self.write(move |connection| {
            Box::pin(async move {
                check_references(connection, &manifest.references).await?;
                insert_manifest(connection, &manifest, &digest, &bytes, now, until).await
            })
        });
        done.await?;
        Ok(descriptor)
    }

    /// Reads a manifest, or `None` when the store has none of this digest.
    pub async fn manifest(&self, digest: &Digest) -> Result<Option<StoredManifest>, Error> {
        let found: Option<(String, Vec<u8>)> =
            sqlx::query_as("SELECT media_type, content FROM manifests WHERE digest = $1")
                .bind(digest.to_string())
                .fetch_optional(self.database().reads())
                .await?;
        Ok(found.map(|(media_type, bytes)| StoredManifest {
            digest: digest.clone(),
            media_type,
            bytes: bytes.into(),
        }))
    }

    /// All that the manifest `digest` needs, itself included: manifests first, then blobs.
    ///
    /// # Errors
    /// [`Error::UnknownContent`] when there is no such manifest.
    pub async fn closure(&self, digest: &Digest) -> Result<Vec<Reference>, Error> {
        let rows: Vec<(String, String, i64, String)> =
            sqlx::query_as(CLOSURE).bind(digest.to_string()).fetch_all(self.database().reads()).await?;
        if rows.is_empty() {
            return Err(Error::UnknownContent { digest: digest.clone() });
        }
        rows.into_iter()
            .map(|(digest, role, size, media_type)| {
                Ok(Reference {
                    role: if role == Role::Blob.name() { Role::Blob } else { Role::Manifest },
                    digest: digest_of(digest, "manifest_references")?,
                    size: bytes_of(size, "blobs")?,
                    media_type,
                })
            })
            .collect()
    }

    /// Bytes that the image `digest` takes in the store: its manifests, configs and layers, each once.
    pub async fn image_size(&self, digest: &Digest) -> Result<u64, Error> {
        Ok(self.closure(digest).await?.iter().map(|part| part.size).sum())
    }
}

/// Refuses references that are not in the store, and blobs whose size is another than the manifest says.
async fn check_references(connection: &mut SqliteConnection, references: &[Reference]) -> Result<(), Error> {
    let mut missing = Missing::default();
    for reference in references {
        let stored: Option<i64> = sqlx::query_scalar(match reference.role {
            Role::Blob => "SELECT size FROM blobs WHERE digest = $1",
            Role::Manifest => "SELECT size FROM manifests WHERE digest = $1",
        })
        .bind(reference.digest.to_string())
        .fetch_optional(&mut *connection)
        .await?;
        missing.note(reference, stored)?;
    }
    missing.refuse()
}

/// Gathers what is not there, to name it all at once.
#[derive(Default)]
pub(crate) struct Missing(Vec<Digest>);

impl Missing {
    /// Takes in what was found for a reference: its size as stored, or nothing.
    pub(crate) fn note(&mut self, reference: &Reference, stored: Option<i64>) -> Result<(), Error> {
        match stored.map(|size| bytes_of(size, "blobs")).transpose()? {
            None => self.0.push(reference.digest.clone()),
            Some(stored) if stored != reference.size => {
                let (digest, claimed) = (reference.digest.clone(), reference.size);
                return Err(Error::WrongSize { digest, claimed, stored });
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Fails when anything was missing.
    pub(crate) fn refuse(mut self) -> Result<(), Error> {
        self.0.truncate(NAMED);
        if self.0.is_empty() { Ok(()) } else { Err(Error::MissingReferences { missing: self.0 }) }
    }
}

/// Writes the row of a manifest and the rows of its references.
pub(crate) async fn insert_manifest(
    connection: &mut SqliteConnection,
    manifest: &Manifest,
    digest: &Digest,
    bytes: &[u8],
    now: Timestamp,
    until: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO manifests (digest, media_type, size, content, artifact_type, subject, \
         created_ms, touched_ms, leased_until_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8) \
         ON CONFLICT (digest) DO UPDATE SET touched_ms = excluded.touched_ms, \
         leased_until_ms = CASE WHEN manifests.leased_until_ms > excluded.leased_until_ms \
         THEN manifests.leased_until_ms ELSE excluded.leased_until_ms END",
    )
    .bind(digest.to_string())
    .bind(&manifest.media_type)
    .bind(column(bytes.len() as u64))
    .bind(bytes)
    .bind(&manifest.artifact_type)
    .bind(manifest.subject.as_ref().map(Digest::to_string))
    .bind(millis(now))
    .bind(millis(until))
    .execute(&mut *connection)
    .await?;
    for reference in &manifest.references {
        sqlx::query(
            "INSERT INTO manifest_references (manifest, digest, role) VALUES ($1, $2, $3) \
             ON CONFLICT (manifest, digest, role) DO NOTHING",
        )
        .bind(digest.to_string())
        .bind(reference.digest.to_string())
        .bind(reference.role.name())
        .execute(&mut *connection)
        .await?;
        if reference.role == Role::Blob && !reference.media_type.is_empty() {
            // A hint for people and for storage classes: the first manifest that names the blob says what it is.
            sqlx::query("UPDATE blobs SET media_type = $2 WHERE digest = $1 AND media_type IS NULL")
                .bind(reference.digest.to_string())
                .bind(&reference.media_type)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}
