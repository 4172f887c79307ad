//! A tree of nodes to a document: every key read, nothing looked up yet. One file for each family of keys.

mod concurrency;
mod draft;
mod input;
mod reader;
mod retry;
mod step;
mod trigger;
mod workflow;

pub(crate) use draft::{Draft, DraftKind};
pub(crate) use step::StepDraft;
pub(crate) use workflow::{Document, read};

/// Every table of keys, with the name of its definition in the schema.
#[cfg(test)]
pub(crate) const TABLES: &[(&str, &reader::Keys)] = &[
    ("WorkflowFile", &workflow::WORKFLOW),
    ("Metadata", &workflow::METADATA),
    ("ConcurrencyFile", &concurrency::CONCURRENCY),
    ("On", &trigger::ON),
    ("Push", &trigger::PUSH),
    ("Manual", &trigger::MANUAL),
    ("InputFile", &input::INPUT),
    ("StepFile", &step::STEP),
    ("RetryFile", &retry::RETRY),
    ("BackoffFile", &retry::BACKOFF),
];
