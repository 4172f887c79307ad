//! The actions that build and run containers.
//!
//! Tools run in namespaces of their own (`sandbox`), with storage in the attempt's work folder, so that nothing of a
//! build is left on the worker, also when it was killed. Images are made here (`oci`) or by buildah, and the same
//! inputs give the same digest.

mod arch;
mod assemble;
mod buildah;
mod checks;
mod debian;
mod oci;
mod run;
mod sandbox;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use engine_ports::Action;

pub use assemble::Assemble;
pub use buildah::Buildah;
pub use debian::Debian;
pub use run::Run;

/// The actions of this family.
pub fn actions() -> Vec<Arc<dyn Action>> {
    vec![Arc::new(Assemble::new()), Arc::new(Buildah::new()), Arc::new(Debian::new()), Arc::new(Run::new())]
}
