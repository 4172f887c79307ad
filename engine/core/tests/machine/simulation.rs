//! Random plans, random behaviours, a crash at every event: what a run comes to never depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::common::driver::Driver;
use crate::common::faults::{Crash, Interference};
use crate::common::plans::waits;
use crate::common::trouble::Schedule;
use crate::common::{oracle, plans};
use crate::take_over;
use engine_core::plan::PlanStep;
use engine_core::run::{EffectId, Event, Release, Transition};
use lang::OnFailure;
use vocab::{Compensation, EffectState, RunStatus, StepPath, StepStatus};

/// So many seeds are crashed at every event. `SIMULATION=10` takes ten times as many of both.
const CRASHED: u64 = 30;

/// So many seeds run through, or with one crash somewhere.
const PLAIN: u64 = 1_200;

/// The seeds of this run of the tests.
fn seeds(first: u64, count: u64) -> std::ops::Range<u64> {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not a setting")]
    let times = std::env::var("SIMULATION").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    first..first + count * times
}

#[test]
fn a_crash_at_any_event_changes_nothing_that_matters() {
    let seeds = seeds(0, CRASHED);
    println!("seeds {seeds:?}, each with a crash before and after every event");
    for seed in seeds {
        let plan = Arc::new(plans::drawn(seed, 7));
        let whole = Driver::new(seed, Arc::clone(&plan), Crash::Never).run();
        check(&whole);
        for event in 1..=whole.log.len() as u64 {
            for crash in [Crash::Before(event), Crash::After(event)] {
                let crashed = Driver::new(seed, Arc::clone(&plan), crash).run();
                check(&crashed);
                assert_eq!(whole.state.status(), crashed.state.status(), "seed {seed}, {crash:?}");
                if Interference::of(seed, &plan) == Interference::Never {
                    assert_eq!(whole.ends(), crashed.ends(), "seed {seed}, {crash:?}");
                }
            }
        }
    }
}

#[test]
fn every_transition_is_crossed() {
    let mut crossed = BTreeSet::new();
    let seeds = seeds(1_000, PLAIN);
    println!("seeds {seeds:?}");
    for seed in seeds {
        let mut plan = plans::drawn(seed, 4 + seed % 40);
        let uncertain = seed % 5 == 0;
        if uncertain && seed % 2 == 0 {
            plan = plans::without_compensation(plan);
        }
        let crash = if seed % 3 == 0 { Crash::After(1 + seed % 97) } else { Crash::Never };
        let mut driver = Driver::new(seed, Arc::new(plan), crash);
        if uncertain {
            driver = driver.interference(Interference::WhenUncertain);
        }
        driver.check_decisions = seed % 4 == 0;
        let driver = driver.run();
        check(&driver);
        if seed % 3 == 1
            && let Some(next) = take_over::next(&driver, Crash::Never, Schedule::Calm)
        {
            crossed.extend(next.crossed);
        }
        crossed.extend(driver.crossed);
    }
    let all: BTreeSet<Transition> = Transition::all().into_iter().collect();
    let never: Vec<_> = all.difference(&crossed).collect();
    println!("crossed {} of {} transitions", crossed.len(), all.len());
    assert!(never.is_empty(), "never crossed: {never:#?}");
}

/// Everything that must hold of any run that has ended.
pub(crate) fn check(driver: &Driver) {
    let seed = driver.seed;
    let state = &driver.state;
    assert!(state.status().is_terminal(), "seed {seed}");
    assert!(state.ready().next().is_none() && state.running().next().is_none(), "seed {seed}");
    assert!(state.outstanding().is_empty(), "seed {seed}: {:?}", state.outstanding());
    assert!(state.steps().all(|step| step.status.is_terminal()), "seed {seed}: {:?}", driver.ends());
    assert!(driver.replay().same_facts(state), "seed {seed}: replay gives another state");
    assert!(driver.log.is_sorted_by_key(|(at, ..)| *at), "seed {seed}: the time in the run goes back");
    let history: Vec<Event> = driver
        .log
        .iter()
        .map(|(_, kind, v, payload)| Event::from_parts(kind, *v, payload.clone()).unwrap())
        .collect();
    successes_are_neither_forgotten_nor_repeated(seed, &history);
    nothing_starts_before_its_turn(seed, &history);
    effects_are_kept_or_undone_once(driver, &history);
    undoing_goes_backwards(driver, &history);
    the_end_tells_what_is_stuck(seed, &history);
    let halted =
        history.iter().any(|event| matches!(event, Event::CancelRequested { .. } | Event::DeadlinePassed {}));
    // Where much time passes at once, what a step waits for may come too late.
    let too_late = driver.jumped && driver.plan.steps().any(|(_, step)| waits(step).is_some());
    if !halted && !too_late {
        let (status, ends) = oracle::expect(seed, &driver.plan);
        assert_eq!(state.status(), status, "seed {seed}: {:?}", state.error());
        assert_eq!(driver.ends(), ends, "seed {seed}");
    }
}

/// A run that had to wait and never had its turn has no step that was ready, waited or ran, `finally` included.
fn nothing_starts_before_its_turn(seed: u64, history: &[Event]) {
    let waits = matches!(&history[0], Event::RunCreated(created) if created.waits);
    let turn = history.iter().position(|event| matches!(event, Event::RunAdmitted {}));
    assert!(waits || turn.is_none(), "seed {seed}: admitted without waiting");
    let early = if waits { &history[..turn.unwrap_or(history.len())] } else { &[] };
    for event in early {
        let starts = matches!(
            event,
            Event::StepReady { .. } | Event::StepWaiting { .. } | Event::AttemptStarted { .. }
        );
        assert!(!starts, "seed {seed}: {} before the run's turn", event.kind());
    }
}

fn the_end_tells_what_is_stuck(seed: u64, history: &[Event]) {
    let end = history.iter().position(|event| matches!(event, Event::RunFinished { .. })).unwrap();
    let Event::RunFinished { compensation, .. } = &history[end] else { unreachable!("found by its kind") };
    let any = history[..end].iter().any(|event| matches!(event, Event::EffectStuck { .. }));
    // What is held for another run is told when that one has ended.
    let told = *compensation == Compensation::Stuck || *compensation == Compensation::Held;
    assert!(told || !any, "seed {seed}: something is stuck, and the run says {compensation}");
    assert!(any || *compensation != Compensation::Stuck, "seed {seed}: nothing is stuck");
}

fn successes_are_neither_forgotten_nor_repeated(seed: u64, history: &[Event]) {
    let mut succeeded = BTreeSet::new();
    for event in history {
        match event {
            Event::AttemptSucceeded { path, .. } | Event::StepTakenOver { path, .. } => {
                assert!(succeeded.insert(path.clone()), "seed {seed}: {path} succeeded twice");
            }
            Event::AttemptStarted { path, .. } => {
                assert!(!succeeded.contains(path), "seed {seed}: {path} started after its success");
            }
            _ => {}
        }
    }
}

fn effects_are_kept_or_undone_once(driver: &Driver, history: &[Event]) {
    let seed = driver.seed;
    let mut open: BTreeMap<EffectId, bool> = BTreeMap::new();
    for event in history {
        match event {
            Event::EffectIntended { effect, .. } | Event::ChildBound { effect, .. } => {
                open.insert(effect.clone(), true);
            }
            Event::EffectUndone { effect } | Event::EffectSuperseded { effect, .. } => {
                assert_eq!(
                    open.insert(effect.clone(), false),
                    Some(true),
                    "seed {seed}: {effect} undone twice"
                );
            }
            Event::EffectsReleased { effects, .. } => {
                for effect in effects {
                    let was = open.insert(effect.clone(), false);
                    assert_eq!(was, Some(true), "seed {seed}: {effect} undone and released");
                }
            }
            Event::UndoStarted { effect, .. } => {
                assert_eq!(open.get(effect), Some(&true), "seed {seed}: {effect} released and undone");
            }
            _ => {}
        }
    }
    let continued = history
        .iter()
        .any(|event| matches!(event, Event::EffectsReleased { reason, .. } if *reason == Release::Continued));
    if continued {
        let undoes = |step: &&PlanStep| {
            let path = driver.plan.path(driver.plan.position(&step.name).unwrap());
            step.on_failure != OnFailure::Continue && failed(driver, path)
        };
        let guilty: Vec<_> = driver.plan.spec().steps.iter().filter(undoes).collect();
        assert!(guilty.is_empty(), "seed {seed}: effects stay although {guilty:?} failed");
    }
    for view in driver.state.effects() {
        let there = driver.world.there.get(&view.id).copied().unwrap_or(false);
        let id = &view.id;
        match view.state {
            EffectState::Undone | EffectState::Superseded => {
                assert!(!there, "seed {seed}: {id} is {} but there", view.state);
            }
            EffectState::Released | EffectState::Stuck => {}
            other => panic!("seed {seed}: {id} is left {other}"),
        }
        let position = driver.plan.position(id.path.root()).unwrap();
        let forward = driver.plan.in_finally(position)
            || driver.plan.spec().steps.iter().any(|step| step.pivot)
            || !driver.plan.step(position).compensates;
        let forward = forward || (continued && !failed(driver, &id.path));
        let taken_back = history.contains(&Event::HoldEnded { kept: false });
        if (driver.state.status() != RunStatus::Succeeded || taken_back) && !forward {
            assert_ne!(view.state, EffectState::Released, "seed {seed}: {id} stays after a failure");
        }
    }
    let committed = driver.plan.spec().steps.iter().any(|step| {
        let path = driver.plan.path(driver.plan.position(&step.name).unwrap());
        step.pivot && driver.state.step_status(path) == Some(StepStatus::Succeeded)
    });
    let unwound = history.iter().any(|event| matches!(event, Event::UnwindingStarted { .. }));
    assert!(!(committed && unwound), "seed {seed}: a run goes back past its pivot");
    let journal: BTreeSet<EffectId> = driver.state.effects().map(|view| view.id).collect();
    for (effect, there) in &driver.world.there {
        assert!(
            !there || journal.contains(effect),
            "seed {seed}: {effect} was made before it was written down"
        );
    }
}

/// Whether the step instance failed and nothing allows it.
fn failed(driver: &Driver, path: &StepPath) -> bool {
    let position = driver.plan.position(path.root()).unwrap();
    let status = driver.state.step_status(path).unwrap();
    matches!(status, StepStatus::Failed | StepStatus::TimedOut) && !driver.plan.step(position).allow_failure
}

/// While unwinding, and when stuck effects are tried again after the end, no try to undo an effect begins before all
/// effects of the steps after it are settled.
fn undoing_goes_backwards(driver: &Driver, history: &[Event]) {
    let plan = &driver.plan;
    let mut after: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); plan.len()];
    for &step in plan.order().iter().rev() {
        let mut all: BTreeSet<u32> = plan.followers(step).collect();
        for follower in plan.followers(step) {
            all.extend(&after[follower as usize]);
        }
        after[step as usize] = all;
    }
    let mut live: Vec<EffectId> = Vec::new();
    let mut unwinding = false;
    for event in history {
        match event {
            Event::EffectIntended { effect, .. } | Event::ChildBound { effect, .. } => {
                live.retain(|other| other != effect);
                live.push(effect.clone());
            }
            Event::UnwindingStarted { .. } | Event::HoldEnded { kept: false } => unwinding = true,
            Event::UndoRequested { effect, .. } => {
                live.push(effect.clone());
                unwinding = true;
            }
            Event::FinallyStarted {} | Event::RunFinished { .. } => unwinding = false,
            Event::UndoStarted { effect, .. } if unwinding => {
                let position = plan.position(effect.path.root()).unwrap();
                let place = live.iter().position(|other| other == effect).unwrap();
                for (number, other) in live.iter().enumerate() {
                    let step = plan.position(other.path.root()).unwrap();
                    let first = after[position as usize].contains(&step)
                        || (other.path == effect.path && number > place);
                    assert!(!first, "seed {}: {effect} is undone before {other}", driver.seed);
                }
            }
            Event::EffectUndone { effect }
            | Event::EffectSuperseded { effect, .. }
            | Event::EffectStuck { effect, .. }
            | Event::EffectAbsent { effect, .. } => live.retain(|other| other != effect),
            Event::EffectsReleased { effects, .. } => live.retain(|other| !effects.contains(other)),
            _ => {}
        }
    }
}
