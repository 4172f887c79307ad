//! The catalog: which repository holds which manifests, blobs and tags. A blob or manifest that is in the store is
//! visible only through a repository that links to it.

mod blobs;
mod claims;
mod event;
mod manifests;
mod open;
mod publish;
mod publishers;
mod referrers;
mod removal;
mod repositories;
mod tags;

pub(crate) use blobs::link_blob;
pub use claims::Withdrawal;
pub use event::Event;
pub use manifests::{Push, Pushed, Resolved};
pub use open::Catalog;
pub use referrers::Referrers;
pub use tags::{Expect, TagMove, TagMoveRecord};
