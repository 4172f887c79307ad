//! Every workflow that is shipped, with scripted actions, while its process dies at each write of its store in turn.
//!
//! After each a new process goes on from the same rows, and the [oracle](crate::oracle) judges what comes of it: for a
//! course that goes well, and for one whose last step fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine_ports::RunStore as _;
use engine_runtime::Submission;
use futures::{StreamExt as _, stream};
use lang::{CompileOptions, SourceFile, Trust, Workflow, compile};
use serde_json::json;
use vocab::{Compensation, Inputs, Limits, RunId, RunStatus, TenantName};

use crate::faults::Fault;
use crate::oracle::{Oracle, Said};
use crate::scripted::Script;
use crate::world::{On, World};

/// Workflows that are played at the same time.
const AT_ONCE: usize = 12;

/// All text files below the folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, found);
        } else if entry.extension().is_some_and(|ext| ext == "yaml" || ext == "md") {
            found.push(entry);
        }
    }
}

/// The workflows in a text: it is one, or shows some.
fn shown(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let parts: Vec<_> = if path.extension().is_some_and(|ext| ext == "md") {
        let blocks =
            text.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
        blocks.map(str::to_owned).collect()
    } else {
        vec![text]
    };
    parts.into_iter().filter(|text| text.contains("\nkind: Workflow\n")).collect()
}

/// What examples, documentation and `init` give to a user, by the place it is from.
fn shipped() -> BTreeMap<String, String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = vec![top.join("README.md")];
    for folder in ["examples", "docs", "api/src/cli/init"] {
        files(&top.join(folder), &mut found);
    }
    // Shows what is found in a workflow that does not hold together.
    found.retain(|path| !path.components().any(|part| part.as_os_str() == "broken"));
    let named = found.iter().flat_map(|path| {
        let name = path.strip_prefix(&top).unwrap().display().to_string();
        shown(path).into_iter().enumerate().map(move |(number, text)| (format!("{name} {number}"), text))
    });
    named.collect()
}

/// One of them, compiled.
struct Shipped {
    name: String,
    workflow: Workflow,
}

impl Shipped {
    fn of(name: String, text: String, world: &World) -> Self {
        let options = CompileOptions { limits: Limits::default(), trust: Trust::Host };
        let compiled = compile(&SourceFile::new(name.clone(), text), world.actions().catalogue(), &options);
        let workflow = compiled.workflow.unwrap_or_else(|| panic!("{name}: {:#?}", compiled.diagnostics));
        Self { name, workflow }
    }

    fn said(&self, step: &str) -> Said {
        let of = self.workflow.step(step).unwrap();
        Said {
            needs: of.needs.clone(),
            pivot: of.pivot,
            finally: self.workflow.finally.contains_key(step),
            keeps: false,
        }
    }

    /// The step that nothing needs and that is written last.
    fn last(&self) -> String {
        let needed: BTreeSet<_> = self.workflow.steps.values().flat_map(|step| step.needs.clone()).collect();
        self.workflow.steps.keys().rfind(|name| !needed.contains(*name)).unwrap().clone()
    }

    fn submission(&self) -> Submission {
        Submission {
            tenant: TenantName::default_tenant(),
            project: None,
            workflow: self.workflow.clone(),
            workflows: Vec::new(),
            inputs: Inputs::new(),
            trigger: json!({ "kind": "manual" }),
            source: None,
            trust_host: true,
            cache_scope: None,
            origin: Some(("delivery".into(), "file".into())),
        }
    }
}

/// What a course must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Good,
    LastStepFails,
}

async fn world(on: On, shipped: &Shipped, course: Course) -> World {
    let fails = (course == Course::LastStepFails).then(|| shipped.last());
    let mut world = World::new(on).await;
    world.scripted = Some(Script { fails });
    world.trust_host = true;
    world
}

async fn only_run(world: &World) -> Option<RunId> {
    let runs = world.store.runs(&TenantName::default_tenant(), engine_ports::RunFilter::default(), 10).await;
    let runs = runs.unwrap();
    assert!(runs.items.len() <= 1);
    runs.items.first().map(|run| run.id)
}

/// Plays the course with the fault at that write, and gives how many writes there were and whether it came to it.
async fn play(
    on: On,
    shipped: &Shipped,
    course: Course,
    fault: Option<(usize, Fault)>,
    oracle: Option<&Oracle>,
) -> usize {
    let about = format!("{}, {course:?}, {fault:?}", shipped.name);
    let mut world = world(on, shipped, course).await;
    let mut engine = world.start().await;
    let before = world.store.writes();
    if let Some((at, fault)) = fault {
        world.store.plan(at, fault);
    }
    let mut submitted = engine.submit(shipped.submission()).await.ok();
    for _ in 0..10_000 {
        match submitted {
            // A dead store answers no question.
            Some(run) => match world.store.run_any_tenant(run).await {
                Ok(Some(row)) if !row.is_over() => tokio::time::sleep(Duration::from_millis(1)).await,
                _ => break,
            },
            None if world.store.is_dead() => break,
            // Whoever delivers does so until it is taken.
            None => submitted = engine.submit(shipped.submission()).await.ok(),
        }
    }
    world.store.spare();
    world.store.quiet().await;
    let writes = world.store.writes() - before;
    if world.store.is_dead() {
        drop(engine);
        // What still ran in the old process ends; a real one would be gone already.
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.store.quiet().await;
        world = world.reborn();
        engine = world.start().await;
    }
    if let Some(run) = only_run(&world).await {
        let row = world.end(&engine, run).await;
        let (status, compensation) = match course {
            Course::Good => (RunStatus::Succeeded, Compensation::NotNeeded),
            Course::LastStepFails => (RunStatus::Failed, Compensation::Complete),
        };
        assert_eq!(row.status, status, "{about}: {:?}", row.error);
        let nothing = row.compensation == Compensation::NotNeeded && world.effects(run).await.is_empty();
        assert!(row.compensation == compensation || nothing, "{about}: {}", row.compensation);
        if let Some(oracle) = oracle {
            oracle.judge(&about, &world, run, |step| shipped.said(step)).await;
        }
        assert!(world.store.leases().await.unwrap().is_empty(), "{about}");
    } else {
        assert!(world.witness.is_empty(), "{about}: something happened before the run was durable");
    }
    world.close(engine).await;
    writes
}

async fn enumerated(on: On, faults: &'static [Fault], oracle: Option<Arc<Oracle>>) {
    let mut probe = World::new(on).await;
    probe.scripted = Some(Script::default());
    let shipped: Vec<_> =
        shipped().into_iter().map(|(name, text)| Arc::new(Shipped::of(name, text, &probe))).collect();
    assert!(shipped.len() >= 4, "an example, the README, and two of `init`");
    let mut points = Vec::new();
    for shipped in &shipped {
        for course in [Course::Good, Course::LastStepFails] {
            let writes = play(on, shipped, course, None, oracle.as_deref()).await;
            assert!(writes > shipped.workflow.steps.len(), "{}: {writes} writes", shipped.name);
            let at = (1..=writes).flat_map(|at| faults.iter().map(move |fault| (at, *fault)));
            points.extend(at.map(|fault| (Arc::clone(shipped), course, fault)));
        }
    }
    let count = points.len();
    let played = stream::iter(points).map(|(shipped, course, fault)| {
        let oracle = oracle.clone();
        tokio::spawn(async move { play(on, &shipped, course, Some(fault), oracle.as_deref()).await })
    });
    let failed: Vec<_> =
        played.buffer_unordered(AT_ONCE).filter_map(async |played| played.err()).collect().await;
    assert!(failed.is_empty(), "{} of {count} points failed: {failed:#?}", failed.len());
    let about = format!("each write of {} shipped workflows on {on:?}: {faults:?}", shipped.len());
    test_parts::note("kill points", &count.to_string(), &about);
}

const TEST: &str = "every_shipped_workflow_survives_a_crash_at_every_write";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shipped_workflow_survives_a_crash_at_every_write() {
    let oracle = Oracle::start(TEST).map(Arc::new);
    enumerated(On::Memory, &[Fault::DieAfter, Fault::FailAfter], oracle.clone()).await;
    if test_parts::is_full() {
        enumerated(On::Memory, &[Fault::DieBefore, Fault::FailBefore], oracle.clone()).await;
        let all = &[Fault::DieBefore, Fault::DieAfter, Fault::FailBefore, Fault::FailAfter];
        enumerated(On::Sqlite, all, oracle).await;
    }
}
