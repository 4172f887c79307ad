//! The bodies of requests and answers, of every route, in one place.

mod action;
mod diff;
mod project;
mod run;
mod system;
mod webhook;
mod workflow;

pub(crate) use action::ActionView;
pub(crate) use diff::{Change, RunDiff, RunSide, StepDiff, StepSide};
pub(crate) use project::{NewProject, ProjectChange, ProjectPage, ProjectView};
pub(crate) use run::{
    CancelRun, DecideRun, DecisionWord, EffectView, EventPage, EventView, NewRunBody, RetryRun, RunDetail,
    RunPage, RunSummary, StepView, TakenFrom, UndoAnswer, WaitsView, millis,
};
pub(crate) use system::{Health, Index, IndexedRoute, Ready};
pub(crate) use webhook::{DeliveryView, Dropped, Refused, Skipped, Started, TriggerAnswer};
pub(crate) use workflow::{LintAnswer, PlanAnswer, PlanStepView, WorkflowText};
