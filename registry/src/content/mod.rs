//! The content store: immutable bytes in a folder, named by digest, with rows that say who needs them.
//!
//! The row is the truth. Bytes arrive in a temporary file, are hashed on the way, flushed, renamed to
//! `blobs/<algorithm>/<two characters>/<hex>`, and only then get their row; a sweep deletes the row first and the
//! file after. What a crash leaves between the two is a file without a row, which nobody sees and a sweep removes.

mod draft;
mod files;
mod holds;
mod images;
mod layout;
mod lock;
mod orphans;
mod read;
mod rows;
mod sink;
mod space;
mod store;
mod sweep;
mod verify;

pub use holds::{HeldBy, Holder};
pub use images::StoredManifest;
pub use read::Opened;
pub use space::{Admission, Unbounded};
pub use store::{Blob, Content, Settings};
pub use sweep::Swept;
pub use verify::Verdict;

pub(crate) use images::{Missing, insert_manifest};
pub(crate) use read::stream;
pub(crate) use rows::{bytes_of, digest_of, millis};
pub(crate) use sink::{Sink, pour};
