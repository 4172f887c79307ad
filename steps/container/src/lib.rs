//! The actions that build and run containers.
//!
//! Tools run in namespaces of their own ([`sandbox`]), with storage in the attempt's work folder, so that nothing
//! of a build is left on the worker, also when it was killed. Images are made here ([`oci`]) or by buildah, and
//! the same inputs give the same digest.

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

pub use assemble::Assemble;
pub use buildah::Buildah;
pub use debian::Debian;
pub use run::Run;
