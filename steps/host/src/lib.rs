//! Steps that run a tenant's code on the host, for projects that the operator trusts.

mod run;

use std::sync::Arc;

use engine_ports::Action;

/// The actions of this family.
pub fn actions() -> Vec<Arc<dyn Action>> {
    vec![Arc::new(run::ShellRun::new())]
}
