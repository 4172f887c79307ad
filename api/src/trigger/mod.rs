//! From a webhook's delivery, or a person's wish, to runs.

mod deliver;
pub(crate) mod manual;
mod push;
mod signature;
mod source;

pub(crate) use deliver::{Concluded, delivery_url, resume_pending, work_off};
pub(crate) use push::Push;
pub(crate) use signature::is_signed;
pub(crate) use source::{Found, ReadError, WorkflowFile, WorkflowSource};
