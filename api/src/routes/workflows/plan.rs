//! `POST /api/v1/plan`: the steps of a workflow in order, and their graph.

use super::lint;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::{PlanAnswer, WorkflowText};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};

pub(super) async fn plan(factory: &Factory, caller: &Caller, text: WorkflowText) -> Result<Body, Problem> {
    let compilation = lint::compile(factory, caller, text).await?;
    let workflow = compilation.workflow.ok_or_else(|| Problem::does_not_compile(&compilation.diagnostics))?;
    let plan = PlanAnswer::of(&workflow, &factory.catalogue)
        .map_err(|error| Problem::new(ProblemKind::Invalid, error.to_string()))?;
    Ok(reply::ok(&plan))
}
