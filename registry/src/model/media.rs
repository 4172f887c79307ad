//! Media types of manifests: those of OCI and of Docker's schema 2.

/// What kind of manifest a media type names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// One image or artifact: config and layers.
    Image,
    /// A list of manifests.
    Index,
}

/// The type of an OCI image manifest.
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The type of an OCI index.
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The kind of a manifest's media type; `None` for types that the registry does not keep as manifests.
pub fn kind_of(media_type: &str) -> Option<MediaKind> {
    match media_type {
        OCI_MANIFEST | OCI_ARTIFACT | DOCKER_MANIFEST => Some(MediaKind::Image),
        OCI_INDEX | DOCKER_LIST => Some(MediaKind::Index),
        _ => None,
    }
}

/// Whether a layer of this type may stay where its `urls` say: such bytes need not be in the registry.
pub(crate) fn is_foreign(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.docker.image.rootfs.foreign.")
        || media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
}

/// The type itself, without parameters such as `; charset=utf-8`.
pub(crate) fn bare(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_1_is_no_manifest_here() {
        assert_eq!(kind_of("application/vnd.docker.distribution.manifest.v1+prettyjws"), None);
        assert_eq!(
            kind_of(bare("application/vnd.oci.image.index.v1+json; charset=utf-8")),
            Some(MediaKind::Index)
        );
    }
}
