//! From a webhook's delivery, or a person's wish, to runs.

mod deliver;
pub(crate) mod manual;
mod pending;
mod push;
mod signature;
mod slots;
mod source;
mod under_way;

pub(crate) use deliver::{Concluded, delivery_url, work_off};
pub(crate) use pending::resume_pending;
pub(crate) use push::{Push, PushError};
pub(crate) use signature::Claimed;
pub(crate) use slots::DeliverySlots;
pub(crate) use source::{
    Found, Opened, ReadError, ReadFault, WORKFLOW_FOLDER, WorkflowFile, WorkflowSource, WorkflowText,
    run_source,
};
pub(crate) use under_way::{Claim, UnderWay};
