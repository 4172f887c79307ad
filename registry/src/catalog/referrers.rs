//! Manifests that are about another one: signatures, bills of material, attestations.

use serde_json::{Map, Value as Json};
use vocab::Digest;

use super::Catalog;
use crate::Error;
use crate::content::{bytes_of, digest_of};
use crate::model::{Descriptor, Manifest, RepositoryName};

/// A page of referrers.
#[derive(Debug, Clone, PartialEq)]
pub struct Referrers {
    /// Their descriptors, with artifact type and annotations, sorted by digest.
    pub manifests: Vec<Descriptor>,
    /// Where the next page starts, when there is more.
    pub next: Option<Digest>,
}

/// Bytes of descriptors in one page: clients take 4 MiB of answer, and it has a frame.
const ANSWER: usize = (4 << 20) - 1024;
/// Bytes of manifests that are read for one page: those of which little is shown are large as well.
const READ: u64 = 32 << 20;

impl Catalog {
    /// At most `count` manifests of the repository whose subject is `subject`, after the digest `last`; only those
    /// of `artifact_type` where it is given. A subject that nobody knows has none. A page ends early when it gets too
    /// large for an answer; it holds one manifest at least.
    pub async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        count: u32,
        last: &str,
    ) -> Result<Referrers, Error> {
        type Row = (String, String, i64, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT m.digest, l.media_type, m.size, m.artifact_type FROM manifests m \
             JOIN repository_manifests l ON l.digest = m.digest AND l.repository = $1 \
             WHERE m.subject = $2 AND m.digest > $3 AND ($4 IS NULL OR m.artifact_type = $4) \
             ORDER BY m.digest LIMIT $5",
        )
        .bind(repository.as_str())
        .bind(subject.to_string())
        .bind(last)
        .bind(artifact_type)
        .bind(i64::from(count) + 1)
        .fetch_all(self.database().reads())
        .await?;
        let mut more = rows.len() > count as usize;
        let mut manifests: Vec<Descriptor> = Vec::new();
        let (mut shown, mut read) = (0, 0);
        for (digest, media_type, size, artifact_type) in rows.into_iter().take(count as usize) {
            let digest = digest_of(digest, "manifests")?;
            let size = bytes_of(size, "manifests")?;
            read += size;
            if read > READ && !manifests.is_empty() {
                more = true;
                break;
            }
            // One at a time: each may be as large as a manifest may be.
            let annotations = self.annotations(&digest, &media_type).await?;
            let found =
                Descriptor { artifact_type, annotations, ..Descriptor::new(media_type, digest, size) };
            shown += length(&found);
            if shown > ANSWER && !manifests.is_empty() {
                more = true;
                break;
            }
            manifests.push(found);
        }
        let next = if more { manifests.last().map(|last| last.digest.clone()) } else { None };
        Ok(Referrers { manifests, next })
    }

    async fn annotations(
        &self,
        digest: &Digest,
        media_type: &str,
    ) -> Result<Option<Map<String, Json>>, Error> {
        let content: Option<Vec<u8>> = sqlx::query_scalar("SELECT content FROM manifests WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(self.database().reads())
            .await?;
        let parsed = content.and_then(|content| Manifest::parse(&content, media_type).ok());
        Ok(parsed.and_then(|manifest| manifest.annotations))
    }
}

/// Bytes that a descriptor takes in an answer, with the comma behind it.
fn length(descriptor: &Descriptor) -> usize {
    // What cannot be written is not shown, and takes nothing.
    serde_json::to_vec(descriptor).map_or(0, |bytes| bytes.len() + 1)
}
