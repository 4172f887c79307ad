//! What all actions share.
//!
//! - [`inputs`] turns checked values into a struct of the action's own, with the field types in [`field`];
//! - [`Tools`] runs programs and turns their failures into errors that say what to do;
//! - [`environment`] is what the operator's proxies, authorities and mirrors mean to a program;
//! - [`Manifest`] writes down what an action takes, gives and promises;
//! - [`fail`] gives an error of a port its class;
//! - [`read_results`] reads what a script wrote to `$FACTORY_OUTPUTS`;
//! - [`mask`] keeps a secret out of the log;
//! - [`put_tree`] and its siblings move folders into the content store and out of it.
//!
//! With the feature `harness`, `harness` holds the fakes in which actions are tested and the contract that each
//! of them must keep.

mod environment;
mod failure;
pub mod field;
mod inputs;
mod manifest;
mod results;
mod secrets;
mod tools;
mod trees;

#[cfg(feature = "harness")]
pub mod harness;

pub use environment::{environment, git_mirrors};
pub use failure::{Failure, fail, io_failed};
pub use inputs::{inputs, outputs};
pub use manifest::Manifest;
pub use results::read_results;
pub use secrets::mask;
pub use tools::{Classifier, Tools, always_permanent};
pub use trees::{blocking, materialize, put_archive, put_tree, subfolder, tree_limits};
