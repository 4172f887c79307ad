//! Reads out of a manifest what the registry needs; the bytes themselves are kept as they came.

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use vocab::Digest;

use super::Descriptor;
use super::media::{self, MediaKind, kind_of};

/// References that one manifest may hold: far above any image, and a bound for the work of one push.
const REFERENCES: usize = 4096;

/// What a manifest needs a digest for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A config or a layer.
    Blob,
    /// A child of an index.
    Manifest,
}

impl Role {
    /// The word in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Manifest => "manifest",
        }
    }
}

/// Something that must be there before the manifest is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// What it is needed for.
    pub role: Role,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes, as the manifest claims.
    pub size: u64,
    /// Its media type, as the manifest claims; empty when it does not say.
    pub media_type: String,
}

/// What the registry reads out of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The type of the manifest.
    pub media_type: String,
    /// One image or a list.
    pub kind: MediaKind,
    /// What must be there, sorted and each once. Foreign layers and the subject are not among them.
    pub references: Vec<Reference>,
    /// What an artifact is: its own type, else the type of its config.
    pub artifact_type: Option<String>,
    /// The manifest that this one is about.
    pub subject: Option<Digest>,
    /// Free notes.
    pub annotations: Option<Map<String, Json>>,
}

/// Why bytes are no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The type is unknown.
    #[error(
        "`{0}` is not a type of manifest that the registry takes; use an OCI or Docker schema 2 manifest or index"
    )]
    MediaType(String),
    /// The type in the body is another than the one that the client gave.
    #[error("the manifest calls itself `{body}` but was sent as `{given}`; both must be the same")]
    Contradiction {
        /// The `mediaType` of the body.
        body: String,
        /// What the client said.
        given: String,
    },
    /// The bytes are not the JSON of a manifest.
    #[error("the manifest cannot be read: {0}")]
    Json(String),
    /// A part that belongs to the other kind of manifest, or that is missing.
    #[error("the manifest is of type `{media_type}`, so {rule}")]
    Shape {
        /// The manifest's type.
        media_type: String,
        /// What does not fit.
        rule: &'static str,
    },
    /// Too many references.
    #[error("the manifest refers to {0} things; at most 4096 are taken")]
    TooMany(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<Map<String, Json>>,
}

impl Manifest {
    /// Reads a manifest that was given as `media_type`. Unknown fields are none of our business.
    pub fn parse(bytes: &[u8], media_type: &str) -> Result<Self, ManifestError> {
        let given = media::bare(media_type);
        let kind =
            kind_of(given).ok_or_else(|| ManifestError::MediaType(given.chars().take(120).collect()))?;
        let wire: Wire =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Json(error.to_string()))?;
        if let Some(body) = wire.media_type.as_deref().filter(|body| *body != given) {
            let body = body.chars().take(120).collect();
            return Err(ManifestError::Contradiction { body, given: given.to_owned() });
        }
        let shape = |rule| ManifestError::Shape { media_type: given.to_owned(), rule };
        if wire.schema_version.is_some_and(|version| version != 2) {
            return Err(shape("its `schemaVersion` must be 2"));
        }
        let references = match kind {
            MediaKind::Index if wire.layers.is_some() || wire.config.is_some() => {
                return Err(shape("it must hold neither `config` nor `layers`"));
            }
            MediaKind::Image if wire.manifests.is_some() => {
                return Err(shape("it must not hold `manifests`"));
            }
            MediaKind::Index => {
                let children = wire.manifests.as_ref().ok_or_else(|| shape("it must hold `manifests`"))?;
                children.iter().map(|child| reference(Role::Manifest, child)).collect()
            }
            MediaKind::Image => {
                if wire.config.is_none() && wire.blobs.is_none() && wire.artifact_type.is_none() {
                    return Err(shape("it must hold a `config`"));
                }
                let layers = wire.layers.iter().chain(&wire.blobs).flatten();
                let stored =
                    layers.filter(|layer| layer.urls.is_empty() || !media::is_foreign(&layer.media_type));
                wire.config.iter().chain(stored).map(|part| reference(Role::Blob, part)).collect()
            }
        };
        Ok(Self {
            references: distinct(references)?,
            artifact_type: wire
                .artifact_type
                .or_else(|| wire.config.map(|config| config.media_type))
                .filter(|found| !found.is_empty()),
            subject: wire.subject.map(|subject| subject.digest),
            annotations: wire.annotations,
            media_type: given.to_owned(),
            kind,
        })
    }
}

fn reference(role: Role, part: &Descriptor) -> Reference {
    Reference { role, digest: part.digest.clone(), size: part.size, media_type: part.media_type.clone() }
}

fn distinct(mut references: Vec<Reference>) -> Result<Vec<Reference>, ManifestError> {
    references.sort();
    references.dedup_by(|a, b| a.role == b.role && a.digest == b.digest);
    if references.len() > REFERENCES { Err(ManifestError::TooMany(references.len())) } else { Ok(references) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn descriptor(text: &str) -> Json {
        json!({ "mediaType": "application/x", "digest": Digest::of(text).to_string(), "size": text.len() })
    }

    #[test]
    fn an_image_needs_its_config_and_layers_once_each() {
        let body = json!({
            "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": descriptor("config"),
            "layers": [descriptor("a"), descriptor("a"), descriptor("b")], "subject": descriptor("missing"),
            "unknown": { "kept": true },
        });
        let manifest = Manifest::parse(body.to_string().as_bytes(), media::OCI_MANIFEST).unwrap();
        assert_eq!(manifest.references.len(), 3);
        assert_eq!(manifest.subject, Some(Digest::of("missing")));
        assert_eq!(manifest.artifact_type.as_deref(), Some("application/x"));
    }

    #[test]
    fn a_foreign_layer_may_stay_elsewhere() {
        let foreign = json!({
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": Digest::of("windows").to_string(), "size": 7, "urls": ["https://example.com/layer"],
        });
        let body = json!({ "schemaVersion": 2, "config": descriptor("config"), "layers": [foreign] });
        let manifest = Manifest::parse(body.to_string().as_bytes(), media::OCI_MANIFEST).unwrap();
        assert_eq!(manifest.references.len(), 1);
    }

    #[test]
    fn a_manifest_that_contradicts_its_type_is_refused() {
        let index = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [] }).to_string();
        assert!(Manifest::parse(index.as_bytes(), media::OCI_INDEX).is_ok());
        assert!(matches!(
            Manifest::parse(index.as_bytes(), media::OCI_MANIFEST),
            Err(ManifestError::Contradiction { .. })
        ));
        let both = json!({ "schemaVersion": 2, "manifests": [], "layers": [] }).to_string();
        for media_type in [media::OCI_INDEX, media::OCI_MANIFEST] {
            assert!(matches!(Manifest::parse(both.as_bytes(), media_type), Err(ManifestError::Shape { .. })));
        }
        assert!(matches!(Manifest::parse(b"{}", "text/plain"), Err(ManifestError::MediaType(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Manifest::parse(&bytes, media::OCI_MANIFEST);
            let _ = Manifest::parse(&bytes, media::OCI_INDEX);
        }
    }
}
