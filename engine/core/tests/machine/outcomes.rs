//! Gates, retries, bounds and expansion, one claim each.

use crate::common::hand::{Hand, outputs, path};
use crate::common::plans::{action, ended, expr, output, plan, retrying, spec, status, step};
use engine_core::plan::Plan;
use engine_core::run::{Event, Failure, IllegalTransition, Report, RunLimits};
use lang::{ExprKind, Reference, RunField, StatusFunction, Template};
use proptest::prelude::*;
use vocab::{ErrorClass, Outputs, RunStatus, StepStatus, Value};

fn list(count: i64) -> Template {
    Template::Literal(Value::List((0..count).map(Value::from).collect()))
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_the_step() {
    let mut gate = step("a", &[]);
    gate.condition = Some(expr(ExprKind::Reference(Reference::Input("nothing".into()))));
    let hand = Hand::new(plan(vec![gate, step("b", &["a"])], vec![]));
    let view = hand.state.step(&path("a")).unwrap();
    assert_eq!((view.status, view.error.unwrap().class), (StepStatus::Failed, ErrorClass::Gate));
    assert_eq!(hand.status("b"), StepStatus::NotReached);
    assert_eq!(hand.state.status(), RunStatus::Failed);
    assert!(hand.state.error().unwrap().starts_with("step `a` failed: `if` of step `a`"));
}

#[test]
fn a_skipped_step_satisfies_what_needs_it_unless_all_needs_were_skipped() {
    let mut skipped = step("a", &[]);
    skipped.condition = Some(expr(ExprKind::Literal(false.into())));
    let steps = vec![skipped, step("b", &[]), step("c", &["a", "b"]), step("d", &["a"]), step("e", &["d"])];
    let mut hand = Hand::new(plan(steps, vec![]));
    hand.succeed("b");
    hand.succeed("c");
    assert_eq!((hand.status("d"), hand.status("e")), (StepStatus::Skipped, StepStatus::Skipped));
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn failure_is_seen_however_far_up() {
    let mut cleanup = step("c", &["b"]);
    cleanup.condition = Some(status(StatusFunction::Failure));
    cleanup.replaces_gate = true;
    let mut reads = step("d", &["c"]);
    reads.condition = Some(ended("b", "not_reached"));
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"]), cleanup, reads], vec![]));
    hand.fail("a", ErrorClass::Permanent);
    assert_eq!(hand.status("b"), StepStatus::NotReached);
    hand.succeed("c");
    hand.succeed("d");
    assert_eq!(hand.state.status(), RunStatus::Failed, "who cleans up does not make it good");
}

#[test]
fn finally_sees_what_the_run_came_to_and_cannot_change_it() {
    let mut tell = step("f", &[]);
    let run_status = expr(ExprKind::Reference(Reference::Run(RunField::Status)));
    tell.inputs.insert("after".into(), Template::Expr(run_status));
    let mut hand = Hand::new(plan(vec![step("a", &[])], vec![tell]));
    hand.succeed("a");
    let ready = hand.state.next_ready().unwrap();
    assert_eq!(ready.inputs["after"], Value::from("succeeded"));
    hand.fail("f", ErrorClass::Permanent);
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
    assert_eq!(hand.state.error(), Some("step `f` failed: it broke"));
}

#[test]
fn lost_attempts_do_not_eat_the_retries_but_are_bounded() {
    let limits = RunLimits { lost_attempts: 2, ..RunLimits::default() };
    let mut hand = Hand::with(plan(vec![retrying(step("a", &[]), 2)], vec![]), limits);
    for _ in 0..2 {
        hand.start("a");
        hand.report("a", Report::Lost);
    }
    hand.fail("a", ErrorClass::Transient);
    assert_eq!(hand.status("a"), StepStatus::Retrying, "the first failure, after two losses");
    hand.wait();
    hand.start("a");
    hand.report("a", Report::Lost);
    let view = hand.state.step(&path("a")).unwrap();
    assert_eq!((view.status, view.attempts), (StepStatus::Failed, 4));
    assert!(view.error.unwrap().message.contains("lost 3 times"));
}

#[test]
fn only_the_classes_that_the_policy_names_are_tried_again_and_gates_never() {
    for (class, again) in [
        (ErrorClass::Transient, true),
        (ErrorClass::Unknown, true),
        (ErrorClass::Permanent, false),
        (ErrorClass::Gate, false),
    ] {
        let mut retried = retrying(step("a", &[]), 2);
        retried.retry.on.push(ErrorClass::Gate);
        let mut hand = Hand::new(plan(vec![retried], vec![]));
        hand.fail("a", class);
        assert_eq!(hand.status("a") == StepStatus::Retrying, again, "{class}");
    }
}

#[test]
fn the_wait_before_a_retry_grows_and_is_the_same_in_every_process() {
    let mut waits = Vec::new();
    for _ in 0..2 {
        let mut hand = Hand::new(plan(vec![retrying(step("a", &[]), 3)], vec![]));
        for _ in 0..2 {
            let before = hand.now;
            hand.fail("a", ErrorClass::Transient);
            assert!(hand.state.step(&path("a")).unwrap().retry_at.is_some());
            hand.wait();
            assert_eq!(hand.state.step(&path("a")).unwrap().retry_at, None, "its time has come");
            waits.push(hand.now - before);
        }
    }
    assert_eq!(waits[..2], waits[2..]);
    assert!((750..=1000).contains(&waits[0]) && (1500..=2000).contains(&waits[1]), "{waits:?}");
}

#[test]
fn a_timeout_is_a_failure_of_its_own_kind() {
    let mut hand = Hand::new(plan(vec![step("a", &[])], vec![]));
    hand.start("a");
    hand.report("a", Report::TimedOut);
    assert_eq!((hand.status("a"), hand.state.status()), (StepStatus::TimedOut, RunStatus::Failed));
}

#[test]
fn the_deadline_stops_the_run() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"])], vec![]));
    hand.start("a");
    hand.wait();
    assert_eq!(hand.now, 3_600_000);
    hand.report("a", Report::Cancelled);
    assert_eq!((hand.status("a"), hand.status("b")), (StepStatus::TimedOut, StepStatus::NotReached));
    assert_eq!(hand.state.status(), RunStatus::TimedOut);
}

#[test]
fn outputs_that_break_a_promise_or_do_not_fit_fail_the_attempt() {
    let large = Value::List(vec![Value::Integer(i64::MAX); 60_000]);
    let cases = [
        (Outputs::new(), "`number` is missing"),
        (Outputs::from([("extra".into(), 1.into())]).into_iter().chain(outputs(1)).collect(), "`extra`"),
        (Outputs::from([("items".into(), Value::Null), ("number".into(), 1.into())]), "`items`:"),
        (Outputs::from([("items".into(), large), ("number".into(), 1.into())]), "limit `value_bytes`"),
    ];
    for (outputs, problem) in cases {
        let mut hand = Hand::new(plan(vec![step("a", &[])], vec![]));
        hand.start("a");
        hand.report("a", Report::Succeeded { outputs, cached: None, key: None });
        let view = hand.state.step(&path("a")).unwrap();
        assert_eq!(view.status, StepStatus::Failed, "{problem}");
        assert!(view.error.unwrap().message.contains(problem), "{:?}", view.error);
    }
}

#[test]
fn what_all_steps_take_and_give_is_bounded_together() {
    let limits = RunLimits { value_bytes: 1_000, run_value_bytes: 1_500, ..RunLimits::default() };
    let mut hand = Hand::with(plan(vec![step("a", &[]), step("b", &["a"])], vec![]), limits);
    let items = |count| {
        Outputs::from([
            ("items".into(), Value::List(vec![Value::Integer(1_000_000); count])),
            ("number".into(), 1.into()),
        ])
    };
    hand.start("a");
    hand.report("a", Report::Succeeded { outputs: items(100), cached: None, key: None });
    assert_eq!(hand.status("a"), StepStatus::Succeeded);
    hand.start("b");
    hand.report("b", Report::Succeeded { outputs: items(100), cached: None, key: None });
    let view = hand.state.step(&path("b")).unwrap();
    assert_eq!(view.status, StepStatus::Failed);
    assert!(view.error.unwrap().message.contains("limit `run_value_bytes`"), "{:?}", view.error);
}

#[test]
fn inputs_that_are_too_large_fail_the_step() {
    let mut large = step("a", &[]);
    large.inputs.insert("after".into(), Template::Literal("x".repeat(1_100_000).into()));
    let hand = Hand::new(plan(vec![large], vec![]));
    let view = hand.state.step(&path("a")).unwrap();
    assert_eq!(view.status, StepStatus::Failed);
    assert!(view.error.unwrap().message.contains("limit `value_bytes`"));
}

#[test]
fn an_expanded_step_gives_lists_in_the_order_of_its_items() {
    let mut many = step("a", &[]);
    many.for_each = Some(list(3));
    let mut join = step("b", &["a"]);
    join.inputs.insert("after".into(), output("a", "number"));
    let mut hand = Hand::new(plan(vec![many, join], vec![]));
    for number in [2, 0, 1] {
        let instance = format!("a[{number}]");
        hand.start(&instance);
        hand.report(&instance, Report::Succeeded { outputs: outputs(number * 10), cached: None, key: None });
    }
    let ready = hand.state.next_ready().unwrap();
    assert_eq!(ready.inputs["after"], Value::List(vec![0.into(), 10.into(), 20.into()]));
    assert_eq!(hand.status("a"), StepStatus::Succeeded);
}

#[test]
fn a_step_expanded_over_nothing_succeeds_with_empty_lists() {
    let mut many = step("a", &[]);
    many.for_each = Some(list(0));
    let hand = Hand::new(plan(vec![many], vec![]));
    let view = hand.state.step(&path("a")).unwrap();
    assert_eq!((view.status, &view.outputs["number"]), (StepStatus::Succeeded, &Value::List(vec![])));
}

#[test]
fn an_allowed_failure_of_an_instance_is_the_result_of_its_step() {
    let mut many = step("a", &[]);
    many.for_each = Some(list(2));
    many.allow_failure = true;
    let mut asks = step("b", &["a"]);
    asks.condition = Some(ended("a", "succeeded"));
    let mut hand = Hand::new(plan(vec![many, asks, step("c", &["a"])], vec![]));
    hand.succeed("a[0]");
    hand.fail("a[1]", ErrorClass::Permanent);
    assert_eq!((hand.status("a"), hand.status("b")), (StepStatus::Failed, StepStatus::Skipped));
    hand.succeed("c");
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn no_more_instances_run_at_once_than_the_step_allows() {
    let mut many = step("a", &[]);
    many.for_each = Some(list(5));
    many.max_parallel = Some(2);
    let mut hand = Hand::new(plan(vec![many], vec![]));
    hand.start("a[0]");
    hand.start("a[1]");
    assert_eq!(hand.state.ready().count(), 0);
    hand.finish("a[0]");
    assert_eq!(hand.state.next_ready().unwrap().path, path("a[2]"));
}

#[test]
fn an_expansion_past_the_bound_of_the_run_fails() {
    let mut many = step("a", &[]);
    many.for_each = Some(list(20));
    let hand = Hand::with(plan(vec![many], vec![]), RunLimits { run_steps: 10, ..RunLimits::default() });
    assert!(hand.state.error().unwrap().contains("limit `run_steps`"));
}

#[test]
fn a_missing_run_output_fails_the_run_before_anything_is_released() {
    let mut spec = spec(vec![step("a", &[])], vec![]);
    spec.outputs
        .insert("missing".into(), Template::Expr(expr(ExprKind::Reference(Reference::Input("x".into())))));
    let mut hand = Hand::new(Plan::new(spec).unwrap());
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    assert_eq!(hand.undoing(), ["a/first"]);
    hand.undone("a/first");
    assert_eq!(hand.state.status(), RunStatus::Failed);
}

#[test]
fn a_report_without_the_lease_is_refused() {
    let mut hand = Hand::new(plan(vec![retrying(step("a", &[]), 3)], vec![]));
    let old = hand.start("a");
    hand.report("a", Report::Lost);
    hand.start("a");
    assert!(hand.state.conclude(&path("a"), old, Report::Cancelled).is_err());
    let late = Event::AttemptFailed {
        path: path("a"),
        attempt: 1,
        token: old,
        error: Failure::new(ErrorClass::Transient, "late"),
        timed_out: false,
    };
    let before = hand.state.clone();
    assert!(matches!(hand.try_tell(late), Err(IllegalTransition::Stale { .. })));
    assert!(hand.state.same_facts(&before));
}

#[test]
fn events_out_of_order_are_refused() {
    let mut hand = Hand::new(plan(vec![step("a", &[])], vec![]));
    let seq = hand.state.seq();
    for wrong in [0, seq, seq + 2, u64::MAX] {
        let error = hand.state.apply(wrong, vocab::Timestamp::from_millis(0), &Event::DeadlinePassed {});
        assert_eq!(error, Err(IllegalTransition::Gap { expected: seq + 1, found: wrong }));
    }
}

#[test]
fn what_may_run_says_how_far_the_host_is_kept_away() {
    let hand = Hand::new(plan(vec![step("a", &[])], vec![]));
    let ready = hand.state.next_ready().unwrap();
    assert_eq!((ready.action, ready.attempt), (&action(), 1));
    assert!(!ready.isolation.is_host() && !ready.cacheable);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Events of one history in any order, with any repetition: refused or applied, but never a panic, and a refusal
    /// changes nothing.
    #[test]
    fn apply_is_total(seed in 0_u64..500, picks in prop::collection::vec(any::<prop::sample::Index>(), 1..120)) {
        let plan = std::sync::Arc::new(crate::common::plans::drawn(seed, 6));
        let mut driver = crate::common::driver::Driver::new(seed, plan.clone(), crate::common::faults::Crash::Never);
        driver.check_decisions = false;
        let log = driver.run().log;
        let mut state = engine_core::run::RunState::new(plan);
        for (number, pick) in picks.iter().enumerate() {
            // Mostly in order, so that it gets somewhere; then anything.
            let index = if number % 3 == 0 { pick.index(log.len()) } else { number.min(log.len() - 1) };
            let (at, kind, v, payload) = &log[index];
            let event = Event::from_parts(kind, *v, payload.clone()).unwrap();
            let before = state.clone();
            if state.apply(state.seq() + 1, *at, &event).is_err() {
                prop_assert!(state.same_facts(&before), "{kind} was refused and changed the state");
            }
            let decided = state.decide_from_scratch(*at);
            prop_assert!(decided.events.len() < 10_000);
        }
    }
}
