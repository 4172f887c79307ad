//! Random workflows through the whole engine, while the process dies, the store fails and the disk takes its time.
//!
//! What the outside wrote down itself is held against what the engine says, here and by the [oracle](crate::oracle), a
//! process that shares no code with it. A seed that fails is printed;
//! `IMAGE_FACTORY_SEED=N cargo test -p engine-runtime --test engine seeds` runs it again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use engine_ports::{RunRow, RunStore as _, StepRow};
use engine_runtime::{Engine, rebuild};
use futures::{StreamExt as _, stream};
use vocab::{Compensation, EffectState, RunId, RunStatus, StepStatus, TenantName};

use crate::crashes::nothing_forgotten_or_repeated;
use crate::faults::{COLUMNS, Fault, Met};
use crate::oracle::{Oracle, Said};
use crate::world::{On, World};

/// Seeds in `make test`, and in `make test-full`.
const SEEDS: u64 = 500;
const MANY_SEEDS: u64 = 10_000;

/// Numbers that look random and follow from the seed (`SplitMix64`, Steele and others, 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// A workflow, and which steps each of its steps needs, however far up.
struct Drawn {
    text: String,
    above: BTreeMap<String, Vec<String>>,
    said: BTreeMap<String, Said>,
    steps: usize,
}

fn workflow(draw: &mut Draw) -> Drawn {
    let steps = 1 + draw.below(10);
    let mut text = "steps:\n".to_owned();
    let mut above: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut said = BTreeMap::new();
    for number in 0..steps {
        let name = format!("s{number}");
        let mut needs: Vec<_> =
            (0..draw.below(4).min(number)).map(|_| format!("s{}", draw.below(number))).collect();
        needs.sort();
        needs.dedup();
        let wait = draw.below(12);
        let (action, act) = match draw.below(10) {
            0..4 => ("pure", name.as_str()),
            4..7 => ("plain", draw.of(&["ok", "ok", "ok", "ok", "flaky", "fail"])),
            _ => (
                "make",
                draw.of(&[
                    "ok",
                    "ok",
                    "ok",
                    "ok",
                    "vanish",
                    "mute",
                    "moved",
                    "forget",
                    "then_fail",
                    "sticky",
                ]),
            ),
        };
        let mut far: Vec<_> =
            needs.iter().flat_map(|need| above[need].clone()).chain(needs.clone()).collect();
        far.sort();
        far.dedup();
        let (action, with) = match wait {
            0 => ("time", "for: 3ms".to_owned()),
            1 => ("event", "name: never, within: 5ms".to_owned()),
            _ => (action, format!("act: {act}")),
        };
        write!(
            text,
            "  {name}:\n    uses: test/{action}@v1\n    needs: [{}]\n    with: {{ {with} }}\n",
            needs.join(", ")
        )
        .unwrap();
        text.push_str("    retry: { attempts: 4, backoff: { initial: 2ms } }\n");
        if draw.percent(15) || wait == 1 {
            text.push_str("    allow_failure: true\n");
        }
        if draw.percent(15) {
            text.push_str("    for_each: [1, 2, 3]\n");
        }
        above.insert(name.clone(), far);
        said.insert(name, Said { needs, ..Said::default() });
    }
    Drawn { text, above, said, steps }
}

/// Waits until the run is over or the process is dead.
async fn over_or_dead(world: &World, run: RunId) {
    for _ in 0..10_000 {
        match world.store.run_any_tenant(run).await {
            Ok(Some(row)) if !row.is_over() => tokio::time::sleep(Duration::from_millis(2)).await,
            _ => return,
        }
    }
}

/// Troubles one life of the process.
async fn live(world: &World, draw: &mut Draw, engine: &Engine, run: RunId, writes: usize) {
    if draw.percent(50) {
        let faults = [Fault::FailBefore, Fault::FailAfter, Fault::DieBefore, Fault::DieAfter];
        world.store.plan(1 + draw.below(writes), draw.of(&faults));
    }
    if draw.percent(20) {
        tokio::time::sleep(Duration::from_micros(draw.next() % 20_000)).await;
        let _ = engine.cancel(&TenantName::default_tenant(), run, "a seed", None).await;
    }
    if draw.percent(30) {
        tokio::time::sleep(Duration::from_micros(draw.next() % 20_000)).await;
        world.store.clock_was_set();
        world.clock.set_by(30_000);
    }
    if draw.percent(30) {
        world.store.hold_after(draw.below(writes));
        tokio::time::sleep(Duration::from_millis(5)).await;
        if draw.percent(50) {
            world.store.die();
        } else {
            world.store.let_go();
        }
    }
    over_or_dead(world, run).await;
    // What is written when the run is over, such as the place of a log, must not die behind the test's back.
    world.store.spare();
    world.store.quiet().await;
}

/// How it went; a soak that never reaches anything proves nothing.
struct Went {
    status: RunStatus,
    deaths: usize,
    undone: bool,
    stuck: bool,
    met: Met,
}

async fn play(seed: u64, oracle: Option<Arc<Oracle>>) -> Went {
    let mut draw = Draw(seed);
    let mut world = World::new(if draw.percent(10) { On::Sqlite } else { On::Memory }).await;
    let drawn = workflow(&mut draw);
    let engine = world.start().await;
    let run = world.submit(&engine, &drawn.text).await;
    let (mut engine, mut lives, mut deaths) = (Some(engine), draw.below(4), 0);
    while let (Some(living), true) = (&engine, lives > 0) {
        live(&world, &mut draw, living, run, drawn.steps * 3).await;
        lives -= 1;
        // A run may be over while its process still keeps its logs, and dies of that.
        world.store.spare();
        world.store.quiet().await;
        if !world.store.is_dead() {
            break;
        }
        deaths += 1;
        drop(engine.take());
        // What still ran in the old process ends; a real one would be gone already.
        tokio::time::sleep(Duration::from_millis(30)).await;
        world.store.quiet().await;
        world = world.reborn();
        if draw.percent(30) {
            // The clock of a process never goes back; that of the next one may be behind.
            world.store.clock_was_set();
            world.clock.set_by(-3_600_000);
        }
        engine = Some(world.start().await);
    }
    let engine = engine.unwrap();
    let row = world.end(&engine, run).await;
    let steps = world.steps(run).await;
    judge(&world, &drawn, &row, &steps).await;
    if let Some(oracle) = oracle {
        oracle.judge(&format!("seed {seed}"), &world, run, |step| drawn.said[step].clone()).await;
    }
    let met = world.store.met();
    world.close(engine).await;
    let [undone, stuck] = [Compensation::Complete, Compensation::Stuck].map(|how| row.compensation == how);
    Went { status: row.status, deaths, undone, stuck, met }
}

/// What must be true of every run, whatever happened.
async fn judge(world: &World, drawn: &Drawn, row: &RunRow, steps: &[StepRow]) {
    let events = world.outside.events();
    nothing_forgotten_or_repeated(world, row.id).await;
    assert_eq!(rebuild(&world.whole(), row.id, false).await.unwrap(), [], "rows and events differ");
    assert!(world.store.leases().await.unwrap().is_empty());
    assert!(!events.iter().any(|event| event.ends_with("without an intent")), "{events:#?}");
    let succeeded = |path: &str| {
        steps.iter().any(|step| step.path.to_string() == path && step.status == StepStatus::Succeeded)
    };
    let things = world.outside.things();
    if row.status == RunStatus::Succeeded {
        let made: Vec<_> = steps
            .iter()
            .filter(|step| step.action == "test/make@v1" && step.status == StepStatus::Succeeded)
            .map(|step| step.path.to_string())
            // A step that was expanded stands for its instances.
            .filter(|path| {
                path.ends_with(']')
                    || !steps.iter().any(|step| step.path.to_string().starts_with(&format!("{path}[")))
            })
            .collect();
        assert_eq!(things, made, "{events:#?}");
    } else {
        let mut stuck: Vec<_> = world
            .effects(row.id)
            .await
            .iter()
            .filter(|effect| effect.state == EffectState::Stuck)
            .map(|effect| effect.key.path.to_string())
            .collect();
        stuck.sort();
        assert_eq!(things, stuck, "left of a run that is {}: {events:#?}", row.status);
        assert_eq!(row.compensation == Compensation::Stuck, !stuck.is_empty());
    }
    // Reverse dependency order, where both were there to the end.
    let last = |thing: &str| events.iter().rposition(|event| *event == format!("unmade {thing}"));
    let name = |path: &str| path.split('[').next().unwrap_or_default().to_owned();
    let undone: Vec<_> = steps
        .iter()
        .map(|step| step.path.to_string())
        .filter(|path| succeeded(path) && !things.contains(path))
        .collect();
    for (above, below) in undone.iter().flat_map(|a| undone.iter().map(move |b| (a, b))) {
        if let (true, Some(first), Some(second)) =
            (drawn.above[&name(below)].contains(&name(above)), last(below), last(above))
        {
            assert!(first < second, "{above} went before {below}: {events:#?}");
        }
    }
}

/// Kinds of events that these seeds do not come to, or that trouble does not meet here, and why. The state machine's own
/// table has all of them.
const NEVER: [(&[&str], &str); 7] = [
    (
        &["voted", "step_paused", "step_retried", "step_bypassed", "run_paused", "run_resumed"],
        "no person decides",
    ),
    (&["child_bound", "hold_ended", "step_taken_over"], "no run starts or follows another one"),
    (&["undo_scheduled", "undo_requested"], "an undo works at once, or never"),
    (&["deadline_passed"], "no run takes its time"),
    (&["run_admitted"], "no run shares its room; `groups.rs` loses each of its writes in turn"),
    (&["step_skipped", "finally_started"], "no step has a condition or stands under `finally`"),
    (&["run_created", "run_started"], "trouble begins once the run is accepted"),
];

/// Which events met which faults. Where there are many seeds, none met nothing.
fn events_and_faults(met: &Met, seeds: u64) -> String {
    let never: Vec<_> = NEVER.iter().flat_map(|(kinds, _)| *kinds).copied().collect();
    let kinds = engine_core::run::EventKind::ALL.iter().map(|kind| kind.name());
    let mut lines = vec![format!("{:<20}", "event")];
    lines[0].extend(COLUMNS.iter().map(|fault| format!("{fault:>12}")));
    let mut untouched = Vec::new();
    for kind in kinds.filter(|kind| !never.contains(kind)) {
        let times = COLUMNS.map(|fault| met.get(&(kind.to_owned(), fault)).copied().unwrap_or(0));
        if times.iter().sum::<u64>() == 0 {
            untouched.push(kind);
        }
        let row: Vec<_> = times.iter().map(|times| format!("{times:>12}")).collect();
        lines.push(format!("{kind:<20}{}", row.concat()));
    }
    let table = lines.join("\n");
    let report = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("driver-event-fault.txt");
    std::fs::write(report, &table).unwrap();
    assert!(seeds < MANY_SEEDS || untouched.is_empty(), "nothing ever met {untouched:?}\n{table}");
    format!("{} cells of event × fault", met.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_workflows_in_a_world_that_fails() {
    #[expect(clippy::disallowed_methods, reason = "the seed to repeat is whoever runs the test's to say")]
    let asked = std::env::var("IMAGE_FACTORY_SEED");
    let seeds = match asked.ok().and_then(|text| text.parse().ok()) {
        Some(seed) => seed..=seed,
        None if test_parts::is_full() => 1..=MANY_SEEDS,
        None => 1..=SEEDS,
    };
    let count = seeds.clone().count();
    let oracle = Oracle::start("random_workflows_in_a_world_that_fails").map(Arc::new);
    let played = stream::iter(seeds).map(|seed| {
        let played = tokio::spawn(play(seed, oracle.clone()));
        async move { (seed, played.await) }
    });
    let (mut failed, mut went) = (Vec::new(), Vec::new());
    let mut played = std::pin::pin!(played.buffer_unordered(16));
    while let Some((seed, result)) = played.next().await {
        match result {
            Ok(how) => went.push(how),
            Err(error) => failed.push((seed, error.to_string())),
        }
    }
    assert!(failed.is_empty(), "seeds that failed: {failed:#?}");
    let deaths: usize = went.iter().map(|how| how.deaths).sum();
    let undone = went.iter().filter(|how| how.undone).count();
    let stuck = went.iter().filter(|how| how.stuck).count();
    let ended = |status| went.iter().filter(|how| how.status == status).count();
    let [good, bad, cancelled] = [RunStatus::Succeeded, RunStatus::Failed, RunStatus::Cancelled].map(ended);
    if count > 1 {
        for (what, times) in [
            ("died", deaths),
            ("undone", undone),
            ("stuck", stuck),
            ("good", good),
            ("bad", bad),
            ("cancelled", cancelled),
        ] {
            assert!(times > count / 100, "only {times} of {count} seeds: {what}");
        }
    }
    let mut met = Met::new();
    for (cell, times) in went.into_iter().flat_map(|how| how.met) {
        *met.entry(cell).or_default() += times;
    }
    let cells = events_and_faults(&met, count as u64);
    let about = format!(
        "{good} succeeded, {bad} failed, {cancelled} cancelled; {undone} undone, {stuck} stuck; {deaths} crashes; {cells}"
    );
    test_parts::note("seeds through the driver", &count.to_string(), &about);
}
