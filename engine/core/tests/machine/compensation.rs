//! The rules of compensation, one claim each.

use crate::common::hand::{Hand, effect, path};
use crate::common::plans::{plan, retrying, step};
use engine_core::run::{Command, EffectPhase, Event, IllegalTransition, JournalRefusal, Release, Report};
use serde_json::json;
use vocab::{Compensation, EffectState, ErrorClass, RunStatus, StepStatus};

fn cancel() -> Event {
    Event::CancelRequested { by: "ada".into(), reason: Some("wrong branch".into()) }
}

#[test]
fn effects_are_undone_from_the_last_step_to_the_first_and_branches_at_once() {
    let steps = vec![step("a", &[]), step("b", &["a"]), step("c", &["a"]), step("d", &["b", "c"])];
    let mut hand = Hand::new(plan(steps, vec![]));
    for name in ["a", "b", "c"] {
        hand.start(name);
        hand.make(&format!("{name}/first"));
        hand.make(&format!("{name}/second"));
        hand.finish(name);
    }
    hand.fail("d", ErrorClass::Permanent);
    assert_eq!(hand.state.status(), RunStatus::Unwinding);
    assert_eq!(hand.undoing(), ["b/second", "c/second"], "branches at once, each from its last effect");
    hand.undone("c/second");
    hand.undone("b/second");
    hand.undone("b/first");
    assert_eq!(hand.undoing(), ["c/first"], "a waits for both branches");
    hand.undone("c/first");
    assert_eq!(hand.undoing(), ["a/second"]);
    hand.undone("a/second");
    hand.undone("a/first");
    assert_eq!(hand.state.status(), RunStatus::Failed);
    assert_eq!(hand.state.compensation(), Compensation::Complete);
}

#[test]
fn a_stuck_effect_does_not_keep_those_before_it() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"]), step("c", &["b"])], vec![]));
    for name in ["a", "b"] {
        hand.start(name);
        hand.make(&format!("{name}/first"));
        hand.finish(name);
    }
    hand.fail("c", ErrorClass::Permanent);
    hand.undo_fails("b/first", ErrorClass::Transient);
    assert_eq!(hand.undoing(), Vec::<String>::new(), "the second try waits for its time");
    hand.wait();
    hand.undo_fails("b/first", ErrorClass::Transient);
    assert_eq!(hand.effect_state("b/first"), EffectState::Stuck);
    hand.undone("a/first");
    assert_eq!((hand.state.status(), hand.state.compensation()), (RunStatus::Failed, Compensation::Stuck));
    hand.tell(Event::UndoRequested { effect: effect("b/first"), by: "ada".into() });
    assert_eq!(hand.state.compensation(), Compensation::Unwinding);
    hand.undone("b/first");
    assert_eq!((hand.state.status(), hand.state.compensation()), (RunStatus::Failed, Compensation::Complete));
}

#[test]
fn what_is_stuck_is_tried_again_in_the_order_of_undoing() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"]), step("c", &["b"])], vec![]));
    for name in ["a", "b"] {
        hand.start(name);
        hand.make(&format!("{name}/first"));
        hand.finish(name);
    }
    hand.fail("c", ErrorClass::Permanent);
    hand.undo_fails("b/first", ErrorClass::Permanent);
    hand.undo_fails("a/first", ErrorClass::Permanent);
    assert_eq!(hand.state.status(), RunStatus::Failed);
    for name in ["b/first", "a/first"] {
        hand.tell(Event::UndoRequested { effect: effect(name), by: "ada".into() });
    }
    assert_eq!(hand.undoing(), ["b/first"], "what came first waits for what came after it");
    hand.undo_fails("b/first", ErrorClass::Transient);
    assert_eq!(hand.undoing(), Vec::<String>::new());
    hand.wait();
    hand.undone("b/first");
    assert_eq!(hand.undoing(), ["a/first"]);
    hand.undone("a/first");
    assert_eq!(hand.state.compensation(), Compensation::Complete);
}

#[test]
fn an_undo_that_can_never_work_is_stuck_at_once() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.fail("b", ErrorClass::Permanent);
    hand.undo_fails("a/first", ErrorClass::Permanent);
    assert_eq!(hand.effect_state("a/first"), EffectState::Stuck);
}

#[test]
fn a_committed_pivot_lets_later_failures_go_forward() {
    let mut pivot = step("b", &["a"]);
    pivot.pivot = true;
    let mut hand = Hand::new(plan(vec![step("a", &[]), pivot, step("c", &["b"])], vec![step("f", &[])]));
    for name in ["a", "b"] {
        hand.start(name);
        hand.make(&format!("{name}/first"));
        hand.finish(name);
    }
    assert_eq!(hand.effect_state("a/first"), EffectState::Released, "released as soon as the pivot commits");
    hand.start("c");
    hand.make("c/first");
    hand.report("c", Report::Failed(engine_core::run::Failure::new(ErrorClass::Permanent, "no")));
    hand.succeed("f");
    assert_eq!(hand.state.status(), RunStatus::Failed);
    assert_eq!(hand.state.compensation(), Compensation::NotNeeded);
    assert!(hand.state.effects().all(|view| view.state == EffectState::Released));
}

#[test]
fn an_allowed_failure_undoes_its_own_effects_while_the_body_goes_on() {
    let mut optional = step("b", &["a"]);
    optional.allow_failure = true;
    let mut hand = Hand::new(plan(vec![step("a", &[]), optional, step("c", &["b"])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.start("b");
    hand.make("b/first");
    hand.report("b", Report::Failed(engine_core::run::Failure::new(ErrorClass::Permanent, "no")));
    assert_eq!(hand.undoing(), ["b/first"]);
    hand.succeed("c");
    assert_eq!(hand.state.status(), RunStatus::Running, "the run waits until the effect is gone");
    hand.undone("b/first");
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
    assert_eq!(hand.effect_state("a/first"), EffectState::Released);
}

#[test]
fn effects_of_a_step_that_does_not_compensate_stay() {
    let mut keeps = step("a", &[]);
    keeps.compensates = false;
    let mut hand = Hand::new(plan(vec![keeps, step("b", &["a"])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.fail("b", ErrorClass::Permanent);
    let kept = Event::EffectsReleased { effects: vec![effect("a/first")], reason: Release::Kept };
    assert!(hand.history.contains(&kept));
    assert_eq!(
        (hand.state.status(), hand.state.compensation()),
        (RunStatus::Failed, Compensation::NotNeeded)
    );
}

#[test]
fn an_open_intent_is_settled_before_the_next_attempt() {
    let mut hand = Hand::new(plan(vec![retrying(step("a", &[]), 3)], vec![]));
    hand.start("a");
    hand.intend("a/first");
    hand.report("a", Report::Lost);
    assert_eq!(hand.commands, [Command::ProbeEffect { effect: effect("a/first") }]);
    assert_eq!(hand.state.open_intents(&path("a")).len(), 1);
    assert!(hand.state.ready().next().is_none(), "no attempt before the probe has answered");
    hand.tell(Event::EffectMade { effect: effect("a/first"), handle: json!(1), token: None });
    let token = hand.start("a");
    let begun = hand.state.begin_effect(&path("a"), token, "first", json!({})).unwrap();
    assert!(matches!(begun, engine_core::run::Begin::Known(known) if known.handle == Some(&json!(1))));
}

#[test]
fn an_intent_that_cannot_be_settled_or_undone_forbids_another_attempt() {
    let mut hand = Hand::new(plan(vec![retrying(step("a", &[]), 3)], vec![]));
    hand.start("a");
    hand.intend("a/first");
    hand.report("a", Report::Lost);
    hand.tell(Event::EffectUncertain { effect: effect("a/first"), reason: "no answer".into() });
    hand.undo_fails("a/first", ErrorClass::Permanent);
    assert_eq!(hand.status("a"), StepStatus::Failed);
    let view = hand.state.step(&path("a")).unwrap();
    assert_eq!(view.error.unwrap().class, ErrorClass::Unknown);
    assert_eq!(hand.state.compensation(), Compensation::Stuck);
}

#[test]
fn an_attempt_begins_no_effect_once_the_run_is_stopped_or_its_lease_is_over() {
    let mut hand = Hand::new(plan(vec![step("a", &[])], vec![]));
    let token = hand.start("a");
    let undeclared = hand.state.begin_effect(&path("a"), token, "third", json!({})).unwrap_err();
    assert!(matches!(undeclared, JournalRefusal::Undeclared { .. }));
    let stale = hand.state.begin_effect(&path("a"), token - 1, "first", json!({})).unwrap_err();
    assert!(matches!(stale, JournalRefusal::LeaseLost(_)));
    hand.tell(cancel());
    let halted = hand.state.begin_effect(&path("a"), token, "first", json!({})).unwrap_err();
    assert_eq!(halted, JournalRefusal::Halted(path("a")));
}

#[test]
fn only_the_attempt_with_the_lease_speaks_about_its_open_intent() {
    let mut hand = Hand::new(plan(vec![step("a", &[])], vec![]));
    let lease = hand.start("a");
    hand.intend("a/first");
    for token in [None, Some(lease - 1), Some(lease + 1)] {
        let before = hand.state.clone();
        let made = Event::EffectMade { effect: effect("a/first"), handle: json!(1), token };
        let absent = Event::EffectAbsent { effect: effect("a/first"), token };
        for event in [made, absent] {
            assert!(matches!(hand.try_tell(event), Err(IllegalTransition::Stale { .. })), "{token:?}");
        }
        assert!(hand.state.same_facts(&before));
    }
    let absent = hand.state.effect_absent(&path("a"), lease, "first").unwrap();
    hand.tell(absent);
    assert_eq!(hand.effect_state("a/first"), EffectState::Undone);
}

#[test]
fn a_cancel_stops_attempts_undoes_effects_and_runs_finally() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"])], vec![step("f", &[])]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.start("b");
    hand.tell(cancel());
    assert!(matches!(&hand.commands[..], [Command::CancelAttempt { path, .. }] if path.root() == "b"));
    hand.report("b", Report::Cancelled);
    assert_eq!(hand.state.status(), RunStatus::Unwinding);
    hand.tell(cancel());
    hand.undone("a/first");
    assert_eq!(hand.state.status(), RunStatus::Finalizing, "a cancel never stops the unwinding");
    hand.succeed("f");
    assert_eq!((hand.state.status(), hand.status("b")), (RunStatus::Cancelled, StepStatus::Cancelled));
}

#[test]
fn a_success_that_comes_after_the_cancel_is_recorded_and_undone() {
    let mut hand = Hand::new(plan(vec![step("a", &[])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.tell(cancel());
    hand.finish("a");
    assert_eq!(hand.status("a"), StepStatus::Succeeded);
    hand.undone("a/first");
    assert_eq!(hand.state.status(), RunStatus::Cancelled);
}

#[test]
fn an_effect_that_somebody_changed_is_left_alone() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.fail("b", ErrorClass::Permanent);
    hand.tell(Event::EffectSuperseded { effect: effect("a/first"), found: "sha256:other".into() });
    assert_eq!(hand.effect_state("a/first"), EffectState::Superseded);
    assert_eq!(hand.state.compensation(), Compensation::Complete);
    assert_eq!(hand.state.effect_phase(&effect("a/first")), EffectPhase::Superseded);
}
