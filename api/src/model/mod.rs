//! The bodies of requests and answers, of every route, in one place.

mod action;
mod project;
mod run;
mod webhook;
mod workflow;

pub(crate) use action::ActionView;
pub(crate) use project::{NewProject, ProjectChange, ProjectPage, ProjectView};
pub(crate) use run::{
    CancelRun, DecideRun, DecisionWord, EffectView, EventPage, EventView, NewRunBody, RetryRun, RunDetail,
    RunPage, RunSummary, StepView, TakenFrom,
};
pub(crate) use webhook::{DeliveryView, Refused, Skipped, Started, TriggerAnswer};
pub(crate) use workflow::{LintAnswer, PlanAnswer, PlanStepView, WorkflowText};
