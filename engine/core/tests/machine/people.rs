//! What people decide about a run: pauses, and what follows a step that failed for good.

use engine_core::plan::PlanStep;
use engine_core::run::{DecisionRefused, EffectPhase, Event, Failure, Report};
use lang::{OnFailure, Template};
use vocab::{Compensation, EffectState, ErrorClass, Outputs, RunStatus, StepStatus, Value};

use crate::common::hand::{Hand, effect, outputs, path};
use crate::common::person::decided;
use crate::common::plans::{output, plan, retrying, step};

fn pausing(needs: &[&str]) -> PlanStep {
    let mut step = step("b", needs);
    step.on_failure = OnFailure::Pause;
    step
}

/// `a` made an effect, `b` made one too, failed and is paused, `c` waits for it.
fn paused() -> Hand {
    let mut hand = Hand::new(plan(vec![step("a", &[]), pausing(&["a"]), step("c", &["b"])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.start("b");
    hand.make("b/first");
    hand.report("b", Report::Failed(Failure::new(ErrorClass::Permanent, "no")));
    hand
}

#[test]
fn a_paused_step_holds_the_run_and_no_worker() {
    let hand = paused();
    assert_eq!((hand.status("b"), hand.state.status()), (StepStatus::Paused, RunStatus::Paused));
    assert_eq!(hand.state.awaiting().collect::<Vec<_>>(), [path("b")]);
    assert!(hand.state.next_ready().is_none() && hand.state.running().next().is_none());
    assert_eq!(hand.effect_state("b/first"), EffectState::Made);
}

#[test]
fn another_try_has_all_its_attempts_and_keeps_what_was_made() {
    let mut hand = Hand::new(plan(vec![retrying(pausing(&[]), 2)], vec![]));
    for _ in 0..2 {
        hand.start("b");
        hand.report("b", Report::TimedOut);
        if hand.status("b") == StepStatus::Retrying {
            hand.wait();
        }
    }
    assert_eq!(hand.status("b"), StepStatus::Paused);
    hand.tell(hand.state.retry_paused(&path("b"), decided()).unwrap());
    hand.start("b");
    hand.report("b", Report::TimedOut);
    assert_eq!(hand.status("b"), StepStatus::Retrying, "the second of two attempts follows");
    hand.wait();
    hand.succeed("b");
    assert_eq!(hand.state.step(&path("b")).unwrap().attempts, 4);
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn a_bypassed_step_gives_what_the_person_supplied_and_loses_what_its_attempts_made() {
    let mut hand = paused();
    hand.tell(hand.state.bypass_paused(&path("b"), outputs(42), decided()).unwrap());
    assert_eq!(hand.undoing(), ["b/first"]);
    let view = hand.state.step(&path("b")).unwrap();
    assert_eq!((view.status, &view.outputs["number"]), (StepStatus::Succeeded, &42.into()));
    assert_eq!(view.decided, Some(&decided()));
    hand.undone("b/first");
    hand.succeed("c");
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
    assert_eq!(hand.effect_state("a/first"), EffectState::Released);
}

#[test]
fn supplied_outputs_are_checked_like_those_of_the_action() {
    let hand = paused();
    let bypass = |outputs| hand.state.bypass_paused(&path("b"), outputs, decided()).unwrap_err().to_string();
    assert!(bypass(Outputs::new()).contains("`number` is missing"));
    let wrong = Outputs::from([("number".into(), "x".into()), ("items".into(), Value::List(vec![]))]);
    assert!(bypass(wrong).contains("`number`: "));
    // All at once, with what was probably meant and what they should be.
    let many = Outputs::from([("numbr".into(), 1.into()), ("items".into(), 2.into())]);
    let refused = hand.state.bypass_paused(&path("b"), many, decided()).unwrap_err();
    let DecisionRefused::Outputs { problem, help, .. } = refused else { panic!("{refused}") };
    for said in ["`number` is missing; `items`: ", "; it declares no `numbr` (did you mean `number`?)"] {
        assert!(problem.contains(said), "{said}: {problem}");
    }
    assert_eq!(help.unwrap(), "it gives `number` (integer), `items` (list of integer)");
}

#[test]
fn a_step_that_is_left_out_lets_those_after_it_go_on() {
    let mut hand = paused();
    hand.tell(hand.state.skip_paused(&path("b"), decided()).unwrap());
    assert_eq!(hand.undoing(), ["b/first"]);
    hand.undone("b/first");
    // All that `c` needs was skipped, so it is skipped too.
    assert_eq!((hand.status("b"), hand.status("c")), (StepStatus::Skipped, StepStatus::Skipped));
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn a_step_that_is_given_up_fails_the_run_and_everything_is_undone() {
    let mut hand = paused();
    hand.tell(hand.state.give_up_paused(&path("b"), decided()).unwrap());
    assert_eq!(hand.undoing(), ["b/first"]);
    hand.undone("b/first");
    hand.undone("a/first");
    assert_eq!((hand.state.status(), hand.status("c")), (RunStatus::Failed, StepStatus::NotReached));
}

#[test]
fn an_intent_that_nobody_settled_is_probed_while_the_person_thinks() {
    let mut hand = Hand::new(plan(vec![pausing(&[])], vec![]));
    hand.start("b");
    hand.intend("b/first");
    hand.report("b", Report::TimedOut);
    assert_eq!(hand.status("b"), StepStatus::Paused);
    assert_eq!(hand.state.outstanding().len(), 1, "a probe");
    // A retry waits for its answer: the next attempt must not double what may be there.
    hand.tell(hand.state.retry_paused(&path("b"), decided()).unwrap());
    assert!(hand.state.next_ready().is_none());
    hand.tell(Event::EffectAbsent { effect: effect("b/first"), token: None });
    assert_eq!(hand.state.effect_phase(&effect("b/first")), EffectPhase::Undone);
    hand.succeed("b");
}

#[test]
fn what_never_started_cannot_be_tried_again() {
    let mut many = pausing(&["a"]);
    many.for_each = Some(output("a", "number"));
    let mut hand = Hand::new(plan(vec![step("a", &[]), many], vec![]));
    hand.succeed("a");
    assert_eq!(hand.status("b"), StepStatus::Paused);
    let refused = hand.state.retry_paused(&path("b"), decided()).unwrap_err();
    assert_eq!(refused, DecisionRefused::NeverStarted(path("b")));
    // In place of its instances' outputs stand lists.
    assert!(hand.state.bypass_paused(&path("b"), outputs(1), decided()).is_err());
    let lists = Outputs::from([
        ("number".into(), Value::List(vec![1.into()])),
        ("items".into(), Value::List(vec![Value::List(vec![])])),
    ]);
    hand.tell(hand.state.bypass_paused(&path("b"), lists, decided()).unwrap());
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn only_a_paused_step_waits_for_a_decision() {
    let hand = Hand::new(plan(vec![step("a", &[])], vec![]));
    let refused = hand.state.skip_paused(&path("a"), decided()).unwrap_err();
    assert_eq!(refused, DecisionRefused::NotPaused { path: path("a"), phase: "ready".into() });
    let unknown = hand.state.skip_paused(&path("x"), decided()).unwrap_err();
    assert_eq!(unknown, DecisionRefused::NoStep(path("x")));
}

#[test]
fn a_cancel_ends_a_paused_step() {
    let mut hand = paused();
    hand.tell(Event::CancelRequested { by: "x".into(), reason: None });
    assert_eq!((hand.status("b"), hand.undoing()), (StepStatus::Cancelled, vec!["b/first".to_owned()]));
}

#[test]
fn a_held_run_starts_nothing_new_and_what_is_under_way_ends() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"])], vec![]));
    hand.start("a");
    hand.tell(hand.state.pause(decided()).unwrap());
    assert_eq!(hand.state.status(), RunStatus::Paused);
    assert_eq!(hand.state.pause(decided()), Err(DecisionRefused::Run("is held already".into())));
    hand.finish("a");
    assert_eq!((hand.status("b"), hand.state.ready().count()), (StepStatus::Ready, 0));
    hand.tell(hand.state.resume(decided()).unwrap());
    assert!(hand.state.resume(decided()).is_err());
    hand.succeed("b");
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn a_cancelled_run_is_held_no_longer() {
    let mut hand = Hand::new(plan(vec![step("a", &[])], vec![step("f", &[])]));
    hand.start("a");
    hand.tell(hand.state.pause(decided()).unwrap());
    hand.tell(Event::CancelRequested { by: "x".into(), reason: None });
    hand.report("a", Report::Cancelled);
    hand.succeed("f");
    assert_eq!(hand.state.status(), RunStatus::Cancelled);
}

#[test]
fn a_failure_that_continues_undoes_its_own_effects_and_leaves_the_others() {
    let mut continuing = step("b", &["a"]);
    continuing.on_failure = OnFailure::Continue;
    let mut hand =
        Hand::new(plan(vec![step("a", &[]), continuing, step("c", &["a"]), step("d", &["b"])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.start("b");
    hand.make("b/first");
    hand.report("b", Report::Failed(Failure::new(ErrorClass::Permanent, "no")));
    assert_eq!(hand.undoing(), ["b/first"]);
    hand.undone("b/first");
    hand.succeed("c");
    assert_eq!((hand.status("d"), hand.state.status()), (StepStatus::NotReached, RunStatus::Failed));
    assert_eq!(hand.effect_state("a/first"), EffectState::Released);
    assert_eq!(hand.state.compensation(), Compensation::Complete);
}

#[test]
fn one_failure_that_goes_back_outweighs_those_that_continue() {
    let mut continuing = step("b", &["a"]);
    continuing.on_failure = OnFailure::Continue;
    let mut hand = Hand::new(plan(vec![step("a", &[]), continuing, step("c", &["a"])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.fail("b", ErrorClass::Permanent);
    hand.fail("c", ErrorClass::Permanent);
    assert_eq!(hand.undoing(), ["a/first"]);
}

#[test]
fn with_fail_fast_the_first_failure_stops_the_other_instances() {
    let mut many = step("a", &[]);
    many.for_each = Some(Template::Literal(Value::List(vec![1.into(), 2.into(), 3.into()])));
    many.fail_fast = true;
    let mut hand = Hand::new(plan(vec![many, step("b", &[])], vec![]));
    hand.start("a[0]");
    hand.start("a[1]");
    hand.report("a[0]", Report::Failed(Failure::new(ErrorClass::Permanent, "no")));
    assert_eq!(hand.status("a[2]"), StepStatus::NotReached);
    assert_eq!(hand.state.outstanding().len(), 1, "the second one is told to stop");
    hand.report("a[1]", Report::Cancelled);
    assert_eq!((hand.status("a[1]"), hand.status("a")), (StepStatus::Cancelled, StepStatus::Failed));
    // Other steps are not concerned.
    hand.succeed("b");
    assert_eq!(hand.state.status(), RunStatus::Failed);
}
