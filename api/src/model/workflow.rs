//! Workflows handed in to be looked at: lint, plan, graph.

use engine_core::plan::{Plan, PlanError};
use lang::{Catalogue, Workflow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A workflow's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkflowText {
    /// The file's name, for messages.
    #[serde(default = "unnamed")]
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
    /// The project it is meant for: its trust counts.
    #[serde(default)]
    pub(crate) project: Option<String>,
}

fn unnamed() -> String {
    "workflow.yaml".to_owned()
}

/// What is wrong with a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LintAnswer {
    /// Errors and warnings, in the order of the file, each with `code`, `severity`, `file`, `line`, `column`,
    /// `end_line`, `end_column`, `message` and `help`.
    pub(crate) diagnostics: Vec<Json>,
    /// How many more there were.
    pub(crate) omitted: usize,
}

/// The steps of a workflow in an order in which they could run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PlanAnswer {
    /// Name of the workflow.
    pub(crate) workflow: String,
    /// Digest of the plan.
    pub(crate) digest: String,
    /// The steps.
    pub(crate) steps: Vec<PlanStepView>,
    /// The graph in the language of Mermaid.
    pub(crate) mermaid: String,
    /// The graph in the language of Graphviz.
    pub(crate) dot: String,
}

impl PlanAnswer {
    /// The plan of a workflow that compiled against `catalogue`.
    pub(crate) fn of(workflow: &Workflow, catalogue: &Catalogue) -> Result<Self, PlanError> {
        Ok(Self::new(&Plan::of(workflow, &[], catalogue)?))
    }

    /// A plan as callers see it.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut depths = vec![0_u32; plan.len()];
        for &position in plan.order() {
            let above = plan.needs(position).map(|need| depths[need as usize] + 1).max();
            depths[position as usize] = above.unwrap_or(0);
        }
        // What stands under `finally` runs last.
        let (last, first): (Vec<_>, Vec<_>) =
            plan.order().iter().partition(|&&position| plan.in_finally(position));
        let steps = first.into_iter().chain(last).map(|position| {
            let step = plan.step(position);
            PlanStepView {
                name: step.name.clone(),
                uses: step.uses.to_string(),
                needs: plan.needs(position).map(|need| plan.step(need).name.clone()).collect(),
                depth: depths[position as usize],
                isolation: plan.action(position).isolation.default.to_string(),
                finally: plan.in_finally(position),
                pivot: step.pivot,
            }
        });
        Self {
            workflow: plan.name().to_owned(),
            digest: plan.digest().to_string(),
            steps: steps.collect(),
            mermaid: plan.to_mermaid(),
            dot: plan.to_dot(),
        }
    }
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PlanStepView {
    /// Its name.
    pub(crate) name: String,
    /// The action that it uses.
    pub(crate) uses: String,
    /// Steps that must end first.
    pub(crate) needs: Vec<String>,
    /// How many steps must end before it at the longest way: 0 starts at once.
    pub(crate) depth: u32,
    /// How it keeps a tenant's code away from the host.
    pub(crate) isolation: String,
    /// Whether it stands under `finally`.
    pub(crate) finally: bool,
    /// Whether the run only goes forward once it succeeded.
    pub(crate) pivot: bool,
}
