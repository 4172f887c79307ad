//! Publishing images in the factory's own registry. Each action's effect is undone by compare-and-set.

mod delete;
mod journal;
mod place;
mod push;
mod tag;

use std::sync::Arc;

use engine_ports::Action;

/// The actions of this family.
pub fn actions() -> Vec<Arc<dyn Action>> {
    vec![
        Arc::new(push::RegistryPush::new()),
        Arc::new(tag::RegistryTag::new()),
        Arc::new(delete::RegistryDelete::new()),
    ]
}
