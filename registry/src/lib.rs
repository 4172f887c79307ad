//! The registry: a content store, a catalog of repositories over it, and the OCI Distribution API.
//!
//! Three parts, each usable by itself: [`Content`] keeps immutable bytes by digest and knows who needs them,
//! [`Catalog`] gives them names that tenants see, and [`routes`] speaks HTTP. [`Registry`] opens all of them over
//! one folder and one database. Nothing here knows of runs: whoever keeps content does so under a text of its own
//! ([`Content::hold`]).

mod catalog;
mod content;
mod error;
mod model;
mod oci;
mod registry;
mod uploads;

pub use catalog::{
    Catalog, Event, Expect, Push, Pushed, Referrers, Resolved, TagMove, TagMoveRecord, Withdrawal,
};
pub use content::{
    Admission, Blob, Content, HeldBy, Holder, Opened, Settings, StoredManifest, Swept, Unbounded, Verdict,
};
pub use error::Error;
pub use model::{
    Descriptor, Locator, Manifest, ManifestError, MediaKind, NameError, Reference, RepositoryName, Role, Tag,
    kind_of,
};
pub use oci::{Access, Action, Authorizer, Credentials, Decision, Principal, routes};
pub use registry::Registry;
