//! Steps that wait for a time, an event, people or another run.

use engine_core::plan::PlanStep;
use engine_core::run::{ChildEnd, Command, Event, Parent, Wait, WaitRefused};
use vocab::{Compensation, EffectState, ErrorClass, Outputs, RunId, RunStatus, StepStatus, Value, WaitKind};

use crate::common::hand::{Hand, path};
use crate::common::plans::{plan, step, wait};

fn asks(approvers: &[&str], quorum: i64, more: &[(&str, Value)]) -> PlanStep {
    let approvers = Value::List(approvers.iter().map(|name| (*name).into()).collect());
    let mut inputs = vec![("approvers", approvers), ("quorum", quorum.into())];
    inputs.extend_from_slice(more);
    wait("gate", &[], WaitKind::Decision, &inputs)
}

fn vote(hand: &mut Hand, by: &str, agrees: bool) -> Result<(), WaitRefused> {
    let groups = [format!("user:{by}"), "role:security".to_owned()];
    let event = hand.state.vote(&path("gate"), by, &groups, agrees, "seen")?;
    hand.tell(event);
    Ok(())
}

#[test]
fn a_time_passes_without_a_worker() {
    let plan = plan(vec![wait("a", &[], WaitKind::Time, &[("for", "5m".into())]), step("b", &["a"])], vec![]);
    let mut hand = Hand::new(plan);
    assert_eq!((hand.status("a"), hand.state.status()), (StepStatus::Waiting, RunStatus::Running));
    assert!(hand.state.next_ready().is_none());
    hand.wait();
    assert_eq!((hand.now, hand.status("a")), (300_000, StepStatus::Succeeded));
    hand.succeed("b");
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn a_moment_is_read_as_rfc_3339() {
    let until = ("until", "1970-01-01T00:10:00Z".into());
    let mut hand = Hand::new(plan(vec![wait("a", &[], WaitKind::Time, &[until])], vec![]));
    hand.wait();
    assert_eq!((hand.now, hand.state.status()), (600_000, RunStatus::Succeeded));
    let hand = Hand::new(plan(vec![wait("a", &[], WaitKind::Time, &[("until", "soon".into())])], vec![]));
    assert!(hand.state.error().unwrap().contains("`until` is no moment: `soon`"), "{:?}", hand.state.error());
    let hand = Hand::new(plan(vec![wait("a", &[], WaitKind::Time, &[])], vec![]));
    assert!(hand.state.error().unwrap().contains("one of `until` and `for`"));
}

#[test]
fn an_event_brings_its_payload_to_every_step_that_waits_for_it() {
    let waits = |name: &str| wait(name, &[], WaitKind::Event, &[("name", "tested".into())]);
    let mut hand = Hand::new(plan(vec![waits("a"), waits("b")], vec![]));
    assert_eq!(hand.state.signal("other", &Value::Null, "ada"), Err(WaitRefused::NoEvent("other".into())));
    for event in hand.state.signal("tested", &"yes".into(), "ada").unwrap() {
        hand.tell(event);
    }
    assert_eq!(hand.state.step(&path("b")).unwrap().outputs["payload"], "yes".into());
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

#[test]
fn an_event_that_does_not_come_fails_its_step() {
    let inputs = [("name", "tested".into()), ("within", "1m".into())];
    let mut hand = Hand::new(plan(vec![wait("a", &[], WaitKind::Event, &inputs)], vec![]));
    hand.wait();
    assert_eq!((hand.now, hand.status("a")), (60_000, StepStatus::TimedOut));
}

#[test]
fn enough_people_have_to_agree_and_each_counts_once() {
    let mut hand = Hand::new(plan(vec![asks(&["user:ada", "role:security"], 2, &[])], vec![]));
    vote(&mut hand, "ada", true).unwrap();
    assert_eq!(vote(&mut hand, "ada", true), Err(WaitRefused::Twice("ada".into())));
    assert_eq!(hand.status("gate"), StepStatus::Waiting);
    vote(&mut hand, "bob", true).unwrap();
    let agreed = &hand.state.step(&path("gate")).unwrap().outputs["approved_by"];
    assert_eq!(agreed, &Value::List(vec!["ada".into(), "bob".into()]));
    let late = hand.state.vote(&path("gate"), "eve", &["role:security".into()], true, "");
    assert_eq!(late, Err(WaitRefused::NotAsked(path("gate"))));
}

#[test]
fn one_refusal_is_enough_and_is_never_tried_again() {
    let mut gate = asks(&["role:security"], 2, &[]);
    gate.retry.attempts = 3;
    gate.retry.on = vec![ErrorClass::Gate, ErrorClass::Permanent];
    let mut hand = Hand::new(plan(vec![gate], vec![]));
    vote(&mut hand, "ada", true).unwrap();
    vote(&mut hand, "bob", false).unwrap();
    assert_eq!(hand.state.status(), RunStatus::Failed);
    assert!(hand.state.error().unwrap().contains("bob refused"));
}

#[test]
fn silence_is_a_refusal_unless_the_workflow_says_otherwise() {
    for (silence, status) in [("refuse", RunStatus::Failed), ("approve", RunStatus::Succeeded)] {
        let more = [("expires", "30m".into()), ("on_expiry", silence.into())];
        let mut hand = Hand::new(plan(vec![asks(&["user:ada"], 1, &more)], vec![]));
        hand.wait();
        assert_eq!(hand.state.status(), status, "{silence}: {:?}", hand.state.error());
    }
}

#[test]
fn nobody_is_asked_about_their_own_run_or_without_being_named() {
    let mut hand = Hand::by(plan(vec![asks(&["role:security"], 1, &[])], vec![]), "ada");
    assert_eq!(vote(&mut hand, "ada", true), Err(WaitRefused::OwnRun("ada".into())));
    let stranger = hand.state.vote(&path("gate"), "eve", &["user:eve".into()], true, "");
    assert!(matches!(stranger, Err(WaitRefused::NotApprover { .. })));
    // To refuse what one started oneself is no danger to anybody.
    vote(&mut hand, "ada", false).unwrap();
    assert_eq!(hand.state.status(), RunStatus::Failed);
}

fn parent() -> (Hand, RunId) {
    let calls = wait("a", &[], WaitKind::Run, &[("workflow", "sub".into())]);
    let hand = Hand::new(plan(vec![calls, step("b", &["a"])], vec![]));
    let Some(Command::StartRun { run, .. }) = hand.commands.last().cloned() else {
        panic!("{:?}", hand.commands)
    };
    (hand, run)
}

fn end(hand: &mut Hand, run: RunId, status: RunStatus) {
    let outputs = Outputs::from([("word".to_owned(), "hello".into())]);
    let end = ChildEnd { status, compensation: Compensation::Held, outputs, error: None };
    let event = hand.state.child_ended(run, &end).unwrap();
    hand.tell(event);
}

#[test]
fn another_run_is_an_effect_that_is_there_before_it_starts() {
    let (mut hand, run) = parent();
    let effect = hand.state.effects().next().unwrap();
    assert_eq!((effect.child, effect.state), (Some(run), EffectState::Made));
    end(&mut hand, run, RunStatus::Succeeded);
    let outputs = &hand.state.step(&path("a")).unwrap().outputs;
    assert_eq!(outputs["outputs"], Value::Map([("word".to_owned(), "hello".into())].into()));
    assert!(hand.state.child_ended(run, &ended()).is_none(), "it is told once");
    hand.succeed("b");
    assert_eq!(hand.effect_state("a/run:1"), EffectState::Released);
}

fn ended() -> ChildEnd {
    ChildEnd {
        status: RunStatus::Failed,
        compensation: Compensation::Complete,
        outputs: Outputs::new(),
        error: None,
    }
}

#[test]
fn a_failure_after_it_takes_the_other_run_back() {
    let (mut hand, run) = parent();
    end(&mut hand, run, RunStatus::Succeeded);
    hand.fail("b", ErrorClass::Permanent);
    assert!(
        hand.commands
            .iter()
            .any(|command| matches!(command, Command::TakeBackRun { run: of, .. } if *of == run))
    );
    hand.undone("a/run:1");
    assert_eq!((hand.state.status(), hand.state.compensation()), (RunStatus::Failed, Compensation::Complete));
}

#[test]
fn a_cancel_goes_down_and_the_end_comes_up() {
    let (mut hand, run) = parent();
    hand.tell(Event::CancelRequested { by: "ada".into(), reason: None });
    assert_eq!(hand.status("a"), StepStatus::Waiting, "it waits for the other run's end");
    assert_eq!(hand.state.outstanding(), [Command::CancelRun { run }]);
    end(&mut hand, run, RunStatus::Cancelled);
    assert_eq!(hand.status("a"), StepStatus::Cancelled);
    hand.undone("a/run:1");
    assert_eq!(hand.state.status(), RunStatus::Cancelled);
}

#[test]
fn each_attempt_starts_a_run_of_its_own() {
    let mut calls = wait("a", &[], WaitKind::Run, &[("workflow", "sub".into())]);
    calls.retry.attempts = 2;
    calls.retry.on = vec![ErrorClass::Permanent];
    let mut hand = Hand::new(plan(vec![calls], vec![]));
    let first = child(&hand);
    end(&mut hand, first, RunStatus::Failed);
    hand.wait();
    let second = child(&hand);
    assert_ne!(first, second);
    end(&mut hand, second, RunStatus::Succeeded);
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
}

fn child(hand: &Hand) -> RunId {
    let waiting = hand.state.waiting().next().map(|(_, wait)| wait.clone());
    let Some(Wait::Run { run, .. }) = waiting else { panic!("{waiting:?}") };
    run
}

/// A run that another one started, ended well with an effect.
fn held() -> Hand {
    let above =
        Parent { run: RunId::from(vocab::IdSource::uuid(&vocab::SeededIds::default())), path: path("above") };
    let mut hand =
        Hand::of_parent(plan(vec![step("a", &[]), step("b", &["a"])], vec![step("f", &[])]), above);
    for name in ["a", "b", "f"] {
        hand.start(name);
        hand.make(&format!("{name}/first"));
        hand.finish(name);
    }
    assert_eq!((hand.state.status(), hand.state.compensation()), (RunStatus::Succeeded, Compensation::Held));
    hand
}

#[test]
fn what_a_started_run_made_is_held_until_the_other_one_ends() {
    let mut hand = held();
    assert_eq!(hand.effect_state("a/first"), EffectState::Held);
    assert_eq!(hand.effect_state("f/first"), EffectState::Released, "`finally` keeps what it makes");
    hand.tell(Event::HoldEnded { kept: true });
    assert_eq!(hand.effect_state("a/first"), EffectState::Released);
    assert_eq!(hand.state.compensation(), Compensation::NotNeeded);
    assert!(hand.try_tell(Event::HoldEnded { kept: false }).is_err(), "it is over");
}

#[test]
fn what_is_held_is_undone_backwards_when_it_is_taken_back() {
    let mut hand = held();
    hand.tell(Event::HoldEnded { kept: false });
    assert_eq!(
        (hand.undoing(), hand.state.compensation()),
        (vec!["b/first".to_owned()], Compensation::Unwinding)
    );
    hand.undone("b/first");
    hand.undone("a/first");
    assert_eq!(
        (hand.state.status(), hand.state.compensation()),
        (RunStatus::Succeeded, Compensation::Complete)
    );
}
