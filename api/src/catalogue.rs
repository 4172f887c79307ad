//! The actions of this factory, from the crates that hold them.

use std::sync::Arc;

use engine_ports::Action;
use lang::Catalogue;

/// Every action.
pub(crate) fn actions() -> Vec<Arc<dyn Action>> {
    [steps_source::actions(), steps_host::actions(), steps_container::actions(), steps_registry::actions()]
        .into_iter()
        .flatten()
        .collect()
}

/// What workflows are compiled against.
pub(crate) fn catalogue() -> Catalogue {
    Catalogue::new(actions().iter().map(|action| action.manifest().clone()))
}
