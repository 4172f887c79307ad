//! What a run will do: the steps of a checked workflow as a graph.

mod dag;
mod draw;
mod host;
mod matrix;
mod step;

pub use dag::{Plan, PlanError, PlanSpec};
pub use matrix::Matrix;
pub use step::{PlanAction, PlanPort, PlanStep};
