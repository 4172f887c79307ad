//! A file tree as a deterministic archive: the same tree gives the same bytes on every machine.
//!
//! The form is a PAX archive that GNU tar, Go and every container tool read:
//! - one entry a file or folder, parents before children, names of a folder in bytewise order;
//! - paths relative to the tree's root, which has no entry of its own: it is always mode 0755 of user 0;
//! - mode, numeric owner, modification time in whole seconds, devices, pipes, symbolic links, hard links (the
//!   first name in order holds the content) and the extended attributes `user.*` and `security.capability`;
//! - no names of users, no access times, no holes, no global headers; a PAX header only where a value does not
//!   fit into the plain one, its records sorted; two zero blocks at the end.
//!
//! [`pack`] makes it from a folder, [`normalize`] from any other archive, [`subtree`] and [`nest`] move the root
//! down and up, and [`unpack`] puts it on disk without ever following what the archive itself made. All of them
//! block: call them from a thread that may.

mod collect;
mod entry;
mod error;
mod header;
mod normalize;
mod options;
mod pack;
mod path;
mod pax;
mod read;
mod unpack;
mod write;

pub use error::{Error, Refusal};
pub use normalize::{nest, normalize, subtree};
pub use options::{Limits, Modes, Mtime, NormalizeOptions, Owners, PackOptions};
pub use pack::pack;
pub use unpack::{Summary, unpack};
pub use write::Archive;
