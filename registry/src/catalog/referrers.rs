//! Manifests that are about another one: signatures, bills of material, attestations.

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

impl Catalog {
    /// At most `count` manifests of the repository whose subject is `subject`, after the digest `last`; only those
    /// of `artifact_type` where it is given. A subject that nobody knows has none.
    pub async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        count: u32,
        last: &str,
    ) -> Result<Referrers, Error> {
        type Row = (String, String, i64, Option<String>, Vec<u8>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT m.digest, l.media_type, m.size, m.artifact_type, m.content FROM manifests m \
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
        let more = rows.len() > count as usize;
        let manifests: Vec<Descriptor> = rows
            .into_iter()
            .take(count as usize)
            .map(|(digest, media_type, size, artifact_type, content)| {
                let annotations =
                    Manifest::parse(&content, &media_type).ok().and_then(|manifest| manifest.annotations);
                let digest = digest_of(digest, "manifests")?;
                let size = bytes_of(size, "manifests")?;
                Ok(Descriptor { artifact_type, annotations, ..Descriptor::new(media_type, digest, size) })
            })
            .collect::<Result<_, Error>>()?;
        let next = if more { manifests.last().map(|last| last.digest.clone()) } else { None };
        Ok(Referrers { manifests, next })
    }
}
