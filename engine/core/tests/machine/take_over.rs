//! What a run takes over from an earlier one: rules one by one, and drawn runs that go on from each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine_core::plan::{Plan, PlanStep};
use engine_core::run::{Again, CachedFrom, Event, Failure, Report, RunLimits, RunState, TakeOverRefused};
use lang::{OnFailure, Template};
use vocab::{EffectState, ErrorClass, Outputs, RunStatus, StepPath, StepStatus, Value};

use crate::common::draw::Draw;
use crate::common::driver::Driver;
use crate::common::faults::{Crash, Interference};
use crate::common::hand::{Hand, outputs, path};
use crate::common::person::decided;
use crate::common::plans::{self, plan, step};
use crate::common::trouble::Schedule;
use crate::simulation::check;

fn take(state: &RunState, again: &Again) -> Result<Vec<Event>, TakeOverRefused> {
    state.take_over(again, &BTreeSet::new(), &RunLimits::default())
}

/// The steps that are taken over, by name.
fn taken(events: &[Event]) -> Vec<String> {
    let of = |event: &Event| match event {
        Event::StepTakenOver { path, .. } => Some(path.to_string()),
        _ => None,
    };
    let mut paths: Vec<_> = events.iter().filter_map(of).collect();
    paths.sort();
    paths
}

fn from(text: &str) -> Again {
    Again::From(path(text))
}

/// `a`, then `b` and `c` beside each other, then `d` after both; `e` stands for itself.
fn diamond() -> Plan {
    let steps =
        vec![step("a", &[]), step("b", &["a"]), step("c", &["a"]), step("d", &["b", "c"]), step("e", &[])];
    plan(steps, vec![step("f", &[])])
}

/// A run of it in which those of `failing` fail.
fn ran(failing: &[&str]) -> Hand {
    let mut hand = Hand::new(diamond());
    for name in ["a", "b", "c", "e", "d", "f"] {
        match hand.status(name) {
            StepStatus::Ready if failing.contains(&name) => hand.fail(name, ErrorClass::Permanent),
            StepStatus::Ready => hand.succeed(name),
            _ => {}
        }
    }
    assert!(hand.state.status().is_terminal());
    hand
}

#[test]
fn what_did_not_succeed_runs_again_with_all_that_depends_on_it() {
    for (failing, again, expected) in [
        (vec!["b"], Again::Failed, vec!["a", "c", "e"]),
        (vec!["a"], Again::Failed, vec!["e"]),
        (vec!["d"], Again::Failed, vec!["a", "b", "c", "e"]),
        (vec!["f"], Again::Failed, vec!["a", "b", "c", "d", "e"]),
        (vec![], from("a"), vec!["e"]),
        (vec![], from("b"), vec!["a", "c", "e"]),
        (vec![], from("e"), vec!["a", "b", "c", "d"]),
        (vec![], from("f"), vec!["a", "b", "c", "d", "e"]),
        // What else did not succeed has nothing to be taken over.
        (vec!["c"], from("e"), vec!["a", "b"]),
    ] {
        let events = take(&ran(&failing).state, &again).unwrap();
        assert_eq!(taken(&events), expected, "{failing:?} failed, {again:?}");
    }
}

#[test]
fn the_new_run_starts_what_is_left_with_the_outputs_of_the_old_one() {
    let old = ran(&["b"]);
    let mut hand = Hand::taking(diamond(), take(&old.state, &Again::Failed).unwrap());
    let ready: Vec<_> = hand.state.ready().map(|ready| ready.path.to_string()).collect();
    assert_eq!(ready, ["b"], "nothing of the others starts");
    let view = hand.state.step(&path("a")).unwrap();
    assert_eq!((view.status, view.attempts, view.outputs), (StepStatus::Succeeded, 0, &outputs(7)));
    let source = CachedFrom { run: old.state.run().unwrap(), path: path("a") };
    assert_eq!(view.taken_over, Some(&source));
    for name in ["b", "d", "f"] {
        hand.succeed(name);
    }
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
    // The third run names the first, which did the work.
    let third = take(&hand.state, &from("d")).unwrap();
    let kept = third.iter().find_map(|event| match event {
        Event::StepTakenOver { path: of, from, .. } if *of == path("a") => Some(from),
        _ => None,
    });
    assert_eq!(kept, Some(&source));
}

#[test]
fn a_step_whose_effects_were_undone_runs_again() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"]), step("c", &["b"])], vec![]));
    hand.succeed("a");
    hand.start("b");
    hand.make("b/first");
    hand.finish("b");
    hand.fail("c", ErrorClass::Permanent);
    assert!(matches!(take(&hand.state, &Again::Failed), Err(TakeOverRefused::NotEnded(_))));
    hand.undone("b/first");
    assert_eq!(taken(&take(&hand.state, &Again::Failed).unwrap()), ["a"]);
    assert_eq!(taken(&take(&hand.state, &from("c")).unwrap()), ["a"], "whatever was asked for");
}

#[test]
fn what_is_stuck_may_go_at_any_time_and_is_not_built_upon() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"])], vec![]));
    hand.start("a");
    hand.make("a/first");
    hand.finish("a");
    hand.fail("b", ErrorClass::Permanent);
    hand.undo_fails("a/first", ErrorClass::Permanent);
    assert_eq!(hand.effect_state("a/first"), EffectState::Stuck);
    assert_eq!(taken(&take(&hand.state, &Again::Failed).unwrap()), Vec::<String>::new());
}

#[test]
fn effects_that_still_stand_are_taken_over_and_are_not_the_new_runs() {
    let continues = |mut step: PlanStep| {
        step.on_failure = OnFailure::Continue;
        step
    };
    let pivot = |mut step: PlanStep| {
        step.pivot = true;
        step
    };
    for (what, a) in [("continued", step("a", &[])), ("pivot", pivot(step("a", &[])))] {
        let plan = || plan(vec![a.clone(), continues(step("b", &["a"]))], vec![]);
        let mut hand = Hand::new(plan());
        hand.start("a");
        hand.make("a/first");
        hand.finish("a");
        hand.fail("b", ErrorClass::Permanent);
        assert_eq!(hand.effect_state("a/first"), EffectState::Released, "{what}");
        let events = take(&hand.state, &Again::Failed).unwrap();
        assert_eq!(taken(&events), ["a"], "{what}");
        let mut next = Hand::taking(plan(), events);
        next.start("b");
        next.make("b/first");
        next.report("b", Report::Failed(Failure::new(ErrorClass::Permanent, "no")));
        assert!(next.state.effects().all(|effect| effect.id.path == path("b")), "{what}");
        assert_eq!(next.undoing(), ["b/first"], "{what}: only what it made itself");
    }
}

#[test]
fn an_effect_that_its_action_gave_up_spoils_nothing() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"])], vec![]));
    let token = hand.start("a");
    hand.intend("a/first");
    hand.tell(hand.state.effect_absent(&path("a"), token, "first").unwrap());
    hand.finish("a");
    hand.fail("b", ErrorClass::Permanent);
    assert_eq!(taken(&take(&hand.state, &Again::Failed).unwrap()), ["a"]);
}

/// `a` expands to three; `b` needs it.
fn expanding() -> Plan {
    let mut a = step("a", &[]);
    a.for_each = Some(Template::Literal(Value::List(vec!["x".into(), "y".into(), "z".into()])));
    plan(vec![a, step("b", &["a"])], vec![])
}

#[test]
fn instances_are_taken_over_one_by_one() {
    let mut hand = Hand::new(expanding());
    hand.succeed("a[0]");
    hand.fail("a[1]", ErrorClass::Permanent);
    hand.succeed("a[2]");
    let events = take(&hand.state, &Again::Failed).unwrap();
    assert_eq!(taken(&events), ["a[0]", "a[2]"]);
    let mut next = Hand::taking(expanding(), events);
    let ready: Vec<_> = next.state.ready().map(|ready| ready.path.to_string()).collect();
    assert_eq!(ready, ["a[1]"]);
    next.succeed("a[1]");
    next.succeed("b");
    assert_eq!(next.state.status(), RunStatus::Succeeded);
    let sevens = Value::List(vec![7.into(), 7.into(), 7.into()]);
    assert_eq!(next.state.step(&path("a")).unwrap().outputs.get("number"), Some(&sevens));
    let again = |text: &str| taken(&take(&next.state, &from(text)).unwrap());
    assert_eq!(again("a[2]"), ["a[0]", "a[1]"]);
    assert_eq!(again("a"), Vec::<String>::new());
    assert_eq!(again("b"), ["a[0]", "a[1]", "a[2]"]);
}

#[test]
fn a_step_whose_artifact_is_gone_runs_again_and_so_does_what_depends_on_it() {
    let hand = ran(&["d"]);
    let gone = BTreeSet::from([path("c")]);
    let events = hand.state.take_over(&Again::Failed, &gone, &RunLimits::default()).unwrap();
    assert_eq!(taken(&events), ["a", "b", "e"]);
    let gone = BTreeSet::from([path("a")]);
    let events = hand.state.take_over(&Again::Failed, &gone, &RunLimits::default()).unwrap();
    assert_eq!(taken(&events), ["e"]);
}

#[test]
fn outputs_that_are_too_large_by_now_are_computed_again() {
    let hand = ran(&["d"]);
    let limits = RunLimits { value_bytes: 3, ..RunLimits::default() };
    let events = hand.state.take_over(&Again::Failed, &BTreeSet::new(), &limits).unwrap();
    assert!(events.is_empty(), "{events:?}");
}

#[test]
fn people_are_asked_again_and_what_they_supplied_stands() {
    let mut ask = step("a", &[]);
    ask.uses = "test/ask@v1".parse().unwrap();
    let approvers = Value::List(vec!["user:ada".into()]);
    ask.inputs.insert("approvers".into(), Template::Literal(approvers));
    let mut b = step("b", &[]);
    b.on_failure = OnFailure::Pause;
    let mut hand = Hand::new(plan(vec![ask, b, step("c", &["b"])], vec![]));
    hand.tell(hand.state.vote(&path("a"), "ada", &["user:ada".into()], true, "fine").unwrap());
    hand.start("b");
    hand.make("b/first");
    hand.report("b", Report::Failed(Failure::new(ErrorClass::Permanent, "no")));
    hand.tell(hand.state.bypass_paused(&path("b"), outputs(8), decided()).unwrap());
    hand.undone("b/first");
    hand.fail("c", ErrorClass::Permanent);
    let events = take(&hand.state, &Again::Failed).unwrap();
    assert_eq!(taken(&events), ["b"]);
    assert!(
        matches!(&events[0], Event::StepTakenOver { decided: Some(by), outputs: out, .. }
            if *by == decided() && *out == outputs(8)),
        "{events:?}"
    );
}

#[test]
fn what_a_condition_left_out_stays_so_and_what_a_person_left_out_is_tried_again() {
    let mut a = step("a", &[]);
    a.condition = Some(plans::status(lang::StatusFunction::Failure));
    a.replaces_gate = true;
    let mut b = step("b", &[]);
    b.on_failure = OnFailure::Pause;
    let mut hand = Hand::new(plan(vec![a, b, step("c", &[])], vec![]));
    hand.fail("b", ErrorClass::Permanent);
    hand.tell(hand.state.skip_paused(&path("b"), decided()).unwrap());
    hand.succeed("c");
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
    let events = take(&hand.state, &Again::Failed).unwrap();
    assert_eq!(taken(&events), ["a", "c"]);
    let skipped = |event: &Event| matches!(event, Event::StepTakenOver { path: of, skipped: true, .. } if *of == path("a"));
    assert!(events.iter().any(skipped), "{events:?}");
}

#[test]
fn what_cannot_be_taken_over_is_refused_with_what_to_do() {
    let hand = ran(&[]);
    assert_eq!(take(&hand.state, &Again::Failed), Err(TakeOverRefused::NothingFailed));
    let mut expanded = Hand::new(expanding());
    for instance in ["a[0]", "a[1]", "a[2]", "b"] {
        expanded.succeed(instance);
    }
    for (state, step, said) in [
        (&expanded.state, "a[3]", "step `a` has no instance 3: it has 3"),
        (&hand.state, "a[0]", "step `a` has no instance 0: it has 0"),
        (&hand.state, "zzzz", "this run has no step `zzzz`"),
        (&hand.state, "g", "this run has no step `g`; did you mean `a`?"),
    ] {
        assert_eq!(take(state, &from(step)).unwrap_err().to_string(), said);
    }
    let running = Hand::new(diamond());
    assert_eq!(take(&running.state, &Again::Failed), Err(TakeOverRefused::NotEnded(RunStatus::Running)));
}

#[test]
fn nothing_is_taken_over_once_the_run_has_started_or_under_finally() {
    let old = ran(&["b"]);
    let events = take(&old.state, &Again::Failed).unwrap();
    let mut late = Hand::new(diamond());
    for event in events {
        late.try_tell(event).unwrap_err();
    }
    let of_finally = Event::StepTakenOver {
        path: path("f"),
        outputs: outputs(7),
        skipped: false,
        from: CachedFrom { run: old.state.run().unwrap(), path: path("f") },
        decided: None,
    };
    let mut state = RunState::new(Arc::new(diamond()));
    state.apply(1, vocab::Timestamp::default(), &old.history[0]).unwrap();
    state.apply(2, vocab::Timestamp::default(), &of_finally).unwrap_err();
}

/// A run of the same plan that takes over from one that has ended, and runs to its own end.
pub(crate) fn next(old: &Driver, crash: Crash, schedule: Schedule) -> Option<Driver> {
    let mut draw = Draw::new(old.seed, "take over");
    let paths: Vec<StepPath> = old.state.steps().map(|view| view.path).collect();
    let mut one = || paths[usize::try_from(draw.below(paths.len() as u64)).unwrap()].clone();
    let (step, lost) = (one(), one());
    let again = if draw.chance(50) { Again::Failed } else { Again::From(step) };
    let gone = if draw.chance(20) { BTreeSet::from([lost]) } else { BTreeSet::new() };
    let events = old.state.take_over(&again, &gone, &RunLimits::default()).ok()?;
    stands(old, &events);
    let driver = Driver::new(old.seed, Arc::clone(&old.plan), crash);
    let next = driver.taking(events).interference(Interference::Never).troubled(schedule).run();
    check(&next);
    Some(next)
}

/// Nothing that is taken over was undone, nor read what is not taken over.
fn stands(old: &Driver, events: &[Event]) {
    let seed = old.seed;
    let history =
        || old.log.iter().map(|(_, kind, v, payload)| Event::from_parts(kind, *v, payload.clone()).unwrap());
    let ended: BTreeMap<StepPath, usize> = (0..)
        .zip(history())
        .filter_map(|(place, event)| match event {
            Event::AttemptSucceeded { path, .. } | Event::WaitEnded { path, .. } => Some((path, place)),
            _ => None,
        })
        .collect();
    let mut kept = BTreeSet::new();
    for event in events {
        let Event::StepTakenOver { path, .. } = event else { continue };
        let position = old.plan.position(path.root()).unwrap();
        for need in old.plan.needs(position) {
            let instances = old.state.steps().filter(|view| view.position == need);
            let instances: Vec<_> = instances.map(|view| view.path).collect();
            let whole = instances.len() == 1;
            let missing = instances.iter().skip(usize::from(!whole)).find(|path| !kept.contains(*path));
            assert_eq!(missing, None, "seed {seed}: {path} is taken over without it");
        }
        kept.insert(path.clone());
        let Some(since) = ended.get(path) else { continue };
        for event in history().skip(*since) {
            let (Event::EffectUndone { effect }
            | Event::EffectSuperseded { effect, .. }
            | Event::EffectStuck { effect, .. }) = event
            else {
                continue;
            };
            assert_ne!(effect.path, *path, "seed {seed}: {effect} does not stand");
        }
    }
}

#[test]
fn a_run_that_goes_on_from_another_one_comes_to_what_a_whole_one_comes_to() {
    let (mut followed, mut steps) = (0, 0);
    for seed in 10_000..10_400 {
        let old = Driver::new(seed, Arc::new(plans::drawn(seed, 9)), Crash::Never).run();
        // A crash in the middle of the first events too: whatever was taken over by then stands.
        for crash in [Crash::Never, Crash::After(1 + seed % 7), Crash::Before(2 + seed % 19)] {
            let Some(next) = next(&old, crash, Schedule::Calm) else { continue };
            followed += 1;
            steps += next.log.iter().filter(|(_, kind, ..)| *kind == "step_taken_over").count();
        }
    }
    println!("{followed} runs took over {steps} steps");
    assert!(followed > 800 && steps > 800, "{followed} runs, {steps} steps");
}

#[test]
fn outputs_that_are_large_for_a_row_are_taken_over_like_others() {
    let mut hand = Hand::new(plan(vec![step("a", &[]), step("b", &["a"])], vec![]));
    let items = Value::List(vec![Value::Integer(i64::MAX); 5_000]);
    hand.start("a");
    let outputs = Outputs::from([("items".into(), items), ("number".into(), 1.into())]);
    hand.report("a", Report::Succeeded { outputs, cached: None, key: None });
    hand.fail("b", ErrorClass::Permanent);
    assert_eq!(taken(&take(&hand.state, &Again::Failed).unwrap()), ["a"]);
}
