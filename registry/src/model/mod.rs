//! The words of the registry: names, media types, descriptors and manifests. Pure.

mod descriptor;
mod manifest;
mod media;
mod name;

pub use descriptor::Descriptor;
pub(crate) use descriptor::digest_as;
pub use manifest::{Manifest, ManifestError, Reference, Role};
pub use media::{MediaKind, kind_of};
pub(crate) use media::{OCI_INDEX, bare};
pub use name::{Locator, NameError, RepositoryName, Tag};
