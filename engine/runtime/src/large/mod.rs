//! Values that are too large for a row: they lie in the content store, and the row names them.
//!
//! Whoever reads through [`LargeValues`] sees them whole and does not know where they lay. In a row such a value is
//! `{"$content": {"$artifact": "report", "digest": "sha256:…", "size": 70123}}`: a key that no event and no output has.

mod content;
mod store;

pub use store::LargeValues;
