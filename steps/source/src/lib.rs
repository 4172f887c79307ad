//! Where a workflow's files come from.
//!
//! [`actions`] gives `git/fetch@v1`; [`reading`] is for those who need a few files of a repository at a commit
//! without running a step, as the door for web hooks does.

mod fetch;
mod git;
pub mod reading;

use std::sync::Arc;

use engine_ports::Action;

pub use git::check_url;

/// The actions of this family.
pub fn actions() -> Vec<Arc<dyn Action>> {
    vec![Arc::new(fetch::GitFetch::new())]
}
