//! Every event meets every fault: drawn plans in a world in which messages, clock, store and process fail.
//!
//! A seed that fails is made as small as it goes and written to a file: `IMAGE_FACTORY_REPLAY=FILE` plays that again.
//! `IMAGE_FACTORY_SEEDS=1000000` is the long mode.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use engine_core::plan::{Plan, PlanSpec};
use engine_core::run::EventKind;
use serde_json::{Value as Json, json};

use crate::common::driver::Driver;
use crate::common::faults::Crash;
use crate::common::plans;
use crate::common::trouble::{Cells, Fault, Schedule, table};
use crate::simulation::check;
use crate::take_over;

/// Seeds in every run of the tests.
const SEEDS: u64 = 10_000;
/// At so many of a hundred moments something goes wrong: a world that is seldom, often, or hardly ever not in trouble.
fn percent(seed: u64) -> u64 {
    [4, 10, 30][usize::try_from(seed % 3).unwrap()]
}

/// Smaller cases that are tried for one that fails.
const TRIES: usize = 400;

/// Cells that stay empty, and why.
const EMPTY: &[(EventKind, &[Fault], &str)] = &[
    (EventKind::RunCreated, BEFORE_ALL, "no message comes before it; one that is lost is sent again"),
    (EventKind::RunStarted, LATE, "nothing of the run is under way before it, so that nothing can come late"),
    (EventKind::RunAdmitted, LATE, "nothing of a run that waits for its turn is under way"),
    (EventKind::StepTakenOver, BEFORE_ALL, "it is written with the first event of the run"),
];
const LATE: &[Fault] = &[Fault::Overtaken, Fault::Slow];
const BEFORE_ALL: &[Fault] = &[Fault::Lost, Fault::Overtaken, Fault::Slow];

fn add(cells: &mut Cells, more: Cells) {
    for (cell, times) in more {
        *cells.entry(cell).or_default() += times;
    }
}

/// All that a simulation follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Case {
    seed: u64,
    /// Steps of its plan that are left out.
    without: BTreeSet<String>,
    /// What goes wrong at which moment; by chance while `None`.
    faults: Option<BTreeMap<u64, Fault>>,
}

impl Case {
    const fn of(seed: u64) -> Self {
        Self { seed, without: BTreeSet::new(), faults: None }
    }

    /// Mostly small, some of a hundred steps, a few of five hundred.
    fn plan(&self) -> Plan {
        let most = match self.seed % 1_000 {
            0 => 500,
            1..10 => 60,
            _ => 1 + self.seed % 10,
        };
        let mut spec = PlanSpec::from(plans::drawn(self.seed, most));
        spec.steps.retain(|step| !self.without.contains(&step.name));
        spec.finally.retain(|step| !self.without.contains(&step.name));
        Plan::new(spec).unwrap()
    }

    fn driver(&self) -> Driver {
        let schedule = match &self.faults {
            None => Schedule::Drawn { seed: self.seed, percent: percent(self.seed) },
            Some(faults) => Schedule::Listed(faults.clone()),
        };
        let mut driver = Driver::new(self.seed, Arc::new(self.plan()), Crash::Never).troubled(schedule);
        driver.check_decisions = self.seed.is_multiple_of(16);
        driver
    }

    fn to_json(&self) -> Json {
        let faults = self.faults.iter().flatten();
        let faults: Vec<_> = faults.map(|(moment, fault)| json!([moment, fault.name()])).collect();
        json!({ "seed": self.seed, "without": self.without, "faults": faults })
    }

    fn from_json(json: &Json) -> Self {
        let text = |json: &Json| json.as_str().unwrap().to_owned();
        let fault = |pair: &Json| (pair[0].as_u64().unwrap(), Fault::named(&text(&pair[1])).unwrap());
        Self {
            seed: json["seed"].as_u64().unwrap(),
            without: json["without"].as_array().unwrap().iter().map(text).collect(),
            faults: Some(json["faults"].as_array().unwrap().iter().map(fault).collect()),
        }
    }

    /// Plays it, and gives what it met, or how it failed.
    fn play(&self) -> Result<Cells, String> {
        let played = catch_unwind(AssertUnwindSafe(|| {
            let driver = self.driver().run();
            check(&driver);
            let mut cells = driver.cells.clone();
            if self.seed.is_multiple_of(4) {
                let schedule = Schedule::Drawn { seed: self.seed + (1 << 40), percent: percent(self.seed) };
                if let Some(next) = take_over::next(&driver, Crash::Never, schedule) {
                    add(&mut cells, next.cells);
                }
            }
            cells
        }));
        played.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        })
    }

    /// The same with its faults written down one by one.
    fn listed(&self) -> Self {
        let drawn = Schedule::Drawn { seed: self.seed, percent: percent(self.seed) };
        let faults = (0..2_000).filter_map(|moment| Some((moment, drawn.at(moment)?)));
        Self { faults: Some(self.faults.clone().unwrap_or_else(|| faults.collect())), ..self.clone() }
    }

    /// What may be left out: parts of the faults, then single ones, then steps that no other needs.
    fn smaller(&self) -> Vec<Self> {
        let faults = self.faults.clone().unwrap_or_default();
        let mut all = Vec::new();
        let mut part = faults.len();
        while part > 0 {
            let moments: Vec<_> = faults.keys().copied().collect();
            for gone in moments.chunks(part) {
                let left = faults.iter().filter(|(moment, _)| !gone.contains(moment));
                let left = left.map(|(moment, fault)| (*moment, *fault)).collect();
                all.push(Self { faults: Some(left), ..self.clone() });
            }
            part /= 2;
        }
        let spec = PlanSpec::from(self.plan());
        let steps = || spec.steps.iter().chain(&spec.finally);
        let needed: BTreeSet<_> = steps().flat_map(|step| step.needs.clone()).collect();
        let reads = serde_json::to_string(&spec.outputs.values().collect::<Vec<_>>()).unwrap_or_default();
        for step in steps().filter(|step| !needed.contains(&step.name) && !reads.contains(&step.name)) {
            let without = self.without.iter().cloned().chain([step.name.clone()]).collect();
            if spec.steps.len() > 1 || spec.finally.contains(step) {
                all.push(Self { without, ..self.clone() });
            }
        }
        all
    }
}

/// The smallest case that still fails, as far as leaving out one thing after the other leads.
fn shrunk(case: &Case, fails: impl Fn(&Case) -> bool) -> Case {
    let mut smallest = case.listed();
    let mut tries = 0;
    'smaller: loop {
        for next in smallest.smaller() {
            tries += 1;
            if tries > TRIES {
                return smallest;
            }
            if fails(&next) {
                smallest = next;
                continue 'smaller;
            }
        }
        return smallest;
    }
}

#[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not a setting")]
fn switch(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Plays all seeds on both cores, up to the first that fails.
fn play_all(seeds: u64) -> Result<Cells, Case> {
    let (next, cells, failed) = (AtomicU64::new(1), Mutex::new(Cells::new()), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut met = Cells::new();
                while failed.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        break;
                    }
                    match Case::of(seed).play() {
                        Ok(more) => add(&mut met, more),
                        Err(_) => *failed.lock().unwrap() = Some(Case::of(seed)),
                    }
                }
                add(&mut cells.lock().unwrap(), met);
            });
        }
    });
    match failed.into_inner().unwrap() {
        Some(case) => Err(case),
        None => Ok(cells.into_inner().unwrap()),
    }
}

#[test]
fn every_event_meets_every_fault() {
    if let Some(file) = switch("IMAGE_FACTORY_REPLAY") {
        let case = Case::from_json(&serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap());
        println!("{case:?}");
        let history = case.driver().run().log;
        for ((at, kind, _, payload), seq) in history.iter().zip(1..) {
            println!("{seq} {} {kind} {payload}", at.as_millis());
        }
        case.play().unwrap_or_else(|error| panic!("{error}"));
        return;
    }
    let seeds = switch("IMAGE_FACTORY_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let cells = match play_all(seeds) {
        Ok(cells) => cells,
        Err(case) => {
            let smallest = shrunk(&case, |case| case.play().is_err());
            let file = folder.join("simulation.json");
            std::fs::write(&file, smallest.to_json().to_string()).unwrap();
            let (file, error) = (file.display(), smallest.play().unwrap_err());
            panic!(
                "seed {} fails. The smallest case is {}: {error}\nIMAGE_FACTORY_REPLAY={file} plays it again",
                case.seed,
                smallest.to_json()
            );
        }
    };
    let table = table(&cells);
    println!("{seeds} seeds\n{table}");
    std::fs::write(folder.join("event-fault.txt"), &table).unwrap();
    let all = EventKind::ALL.iter().flat_map(|kind| Fault::ALL.iter().map(move |fault| (*kind, *fault)));
    let empty: Vec<_> = all.filter(|cell| !cells.contains_key(cell)).collect();
    let cells_of = |(kind, faults, _): &(EventKind, &[Fault], &str)| {
        faults.iter().map(|fault| (*kind, *fault)).collect::<Vec<_>>()
    };
    let excused: BTreeSet<_> = EMPTY.iter().flat_map(cells_of).collect();
    let bare: Vec<_> = empty.iter().filter(|cell| !excused.contains(cell)).collect();
    if seeds >= SEEDS {
        assert!(bare.is_empty(), "no seed comes there: {bare:?}\n{table}");
        let met: Vec<_> = excused.iter().filter(|cell| cells.contains_key(cell)).collect();
        assert!(met.is_empty(), "these need no excuse: {met:?}");
    }
    let about = format!(
        "{} of {} cells of event × fault are met, {} cannot be",
        cells.len(),
        cells.len() + empty.len(),
        empty.len()
    );
    test_parts::note("seeds of the state machine", &seeds.to_string(), &about);
}

#[test]
fn what_fails_is_made_small_and_comes_back_from_its_file() {
    // As if a doubled message after a crash were what breaks, in a plan of at least one step.
    let breaks = |case: &Case| {
        let faults: Vec<_> = case.faults.iter().flatten().map(|(_, fault)| *fault).collect();
        let crash = faults.iter().position(|fault| *fault == Fault::Crash);
        crash.is_some_and(|crash| faults[crash..].contains(&Fault::Doubled))
    };
    let case = (1..1_000).map(Case::of).find(|case| breaks(&case.listed())).unwrap();
    let smallest = shrunk(&case, breaks);
    let faults: Vec<_> = smallest.faults.iter().flatten().map(|(_, fault)| *fault).collect();
    assert_eq!(faults, [Fault::Crash, Fault::Doubled]);
    assert_eq!(smallest.plan().spec().steps.len(), 1);
    let back = Case::from_json(&serde_json::from_str(&smallest.to_json().to_string()).unwrap());
    assert_eq!(back, smallest);
    assert!(back.play().is_ok());
}
