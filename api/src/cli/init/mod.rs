//! `init`: a first workflow for the repository in a folder.

mod survey;
mod template;
mod write;

pub(super) use write::{Init, init};
