//! Runs that share room with others: the group that they belong to, and those that wait for their turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_core::plan::Plan;
use engine_core::run::{Event, GroupError, Origin, Parent, RunCreated, RunLimits};
use lang::{Concurrency, ExprKind, Reference, Template};
use vocab::{IdSource as _, Inputs, OnNew, RunGroup, RunId, RunStatus, SeededIds, StepStatus, Value};

use crate::common::hand::Hand;
use crate::common::plans::{expr, plan, spec, step};

/// `a` in the body, `z` under `finally`.
fn queued() -> Hand {
    Hand::waiting(plan(vec![step("a", &[])], vec![step("z", &[])]))
}

fn cancel() -> Event {
    Event::CancelRequested { by: "ada".into(), reason: None }
}

#[test]
fn a_run_that_has_to_wait_begins_when_it_is_its_turn() {
    let mut hand = queued();
    assert_eq!(hand.state.status(), RunStatus::Queued);
    assert!(hand.state.awaits_admission());
    assert!(hand.state.next_ready().is_none() && hand.commands.is_empty());
    hand.tell(Event::RunAdmitted {});
    assert!(!hand.state.awaits_admission());
    hand.succeed("a");
    hand.succeed("z");
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn a_run_that_is_cancelled_before_its_turn_starts_nothing() {
    let mut hand = queued();
    hand.tell(cancel());
    assert_eq!(hand.state.status(), RunStatus::Cancelled);
    assert_eq!((hand.status("a"), hand.status("z")), (StepStatus::NotReached, StepStatus::NotReached));
    assert!(hand.try_tell(Event::RunAdmitted {}).is_err(), "its turn is over");
}

#[test]
fn the_time_of_a_run_counts_while_it_waits_for_its_turn() {
    let mut hand = queued();
    hand.wait();
    assert_eq!(hand.state.status(), RunStatus::TimedOut);
    assert_eq!((hand.status("a"), hand.status("z")), (StepStatus::NotReached, StepStatus::NotReached));
}

#[test]
fn only_a_run_that_waits_is_admitted_and_only_once() {
    let mut alone = Hand::new(plan(vec![step("a", &[])], vec![]));
    assert!(alone.try_tell(Event::RunAdmitted {}).is_err());
    let mut hand = queued();
    hand.tell(Event::RunAdmitted {});
    assert!(hand.try_tell(Event::RunAdmitted {}).is_err());
}

#[test]
fn a_run_that_had_its_turn_runs_finally_when_it_is_cancelled() {
    let mut hand = queued();
    hand.tell(Event::RunAdmitted {});
    hand.tell(cancel());
    hand.succeed("z");
    assert_eq!(hand.state.status(), RunStatus::Cancelled);
}

#[test]
fn a_run_gives_way_until_its_pivot_commits_or_it_ends_anyway() {
    let mut pivot = step("p", &[]);
    pivot.pivot = true;
    let mut hand = Hand::new(plan(vec![pivot, step("b", &["p"])], vec![]));
    assert!(hand.state.gives_way());
    hand.succeed("p");
    assert!(!hand.state.gives_way(), "past its pivot it goes forward");
    let mut halted = Hand::new(plan(vec![step("a", &[])], vec![]));
    halted.tell(cancel());
    assert!(!halted.state.gives_way(), "it is told once");
    assert!(queued().state.gives_way());
}

fn created(inputs: Inputs, parent: bool) -> RunCreated {
    let ids = SeededIds::default();
    let run = RunId::from(ids.uuid());
    RunCreated {
        run,
        plan: vocab::Digest::of("plan"),
        inputs,
        origin: Origin { kind: "manual".into(), ..Origin::default() },
        deadline: None,
        limits: RunLimits::default(),
        parent: parent.then(|| Parent { run, path: "above".parse().unwrap() }),
        group: None,
        waits: false,
        context: serde_json::Value::Null,
    }
}

fn grouped(group: Template) -> Arc<Plan> {
    let mut spec = spec(vec![step("a", &[])], vec![]);
    spec.concurrency = Some(Concurrency { group, limit: 2, on_new: OnNew::Drop });
    Arc::new(Plan::new(spec).unwrap())
}

#[test]
fn the_group_is_computed_from_the_inputs() {
    let plan = grouped(Template::Expr(expr(ExprKind::Reference(Reference::Input("release".into())))));
    let with = |value: Value| Inputs::from([("release".to_owned(), value)]);
    let named = created(with("trixie".into()), false).group_in(&plan).unwrap();
    assert_eq!(named, Some(RunGroup { name: "trixie".into(), limit: 2, on_new: OnNew::Drop }));
    assert_eq!(created(with("trixie".into()), true).group_in(&plan), Ok(None), "a step's run has none");
    let empty = created(with("".into()), false).group_in(&plan);
    assert!(matches!(empty, Err(GroupError::NoName { .. })), "{empty:?}");
    let missing = created(BTreeMap::new(), false).group_in(&plan);
    assert!(matches!(missing, Err(GroupError::Failed(_))), "{missing:?}");
}
