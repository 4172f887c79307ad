//! Images as the OCI specification writes them: config and manifest as bytes that depend on nothing else.

mod base;
mod config;
mod layer;
mod layout;
mod manifest;
mod time;

#[cfg(test)]
mod tests;

pub(crate) use base::{Base, BaseError};
pub(crate) use config::{ConfigChanges, config};
pub(crate) use layer::{Descriptor, Layer, LayerWriter, PLAIN};
pub(crate) use layout::write_layout;
pub(crate) use manifest::{CONFIG, MANIFEST, manifest};
pub(crate) use time::{LATEST, rfc3339};
