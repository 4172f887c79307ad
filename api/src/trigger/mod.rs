//! From a webhook's delivery to runs.

mod push;
mod signature;
