//! Two processes of the engine on one PostgreSQL: one is stopped past its claims, or killed, and the other goes on.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use engine_ports::RunStore as _;
use engine_runtime::Sharing;
use engine_stores::SqlRunStore;
use migrations::{PgDatabase, PgOptions};
use serde::{Deserialize, Serialize};
use vocab::{RunId, RunStatus};

use crate::outside::Outside;
use crate::world::World;

/// How the process beside is told what to do.
const ENGINE: &str = "TEST_ENGINE_BESIDE";
const SHARING: Sharing = Sharing::Claims { lasts: Duration::from_secs(2) };

/// What the process beside works on.
#[derive(Serialize, Deserialize)]
struct Beside {
    database: String,
    outside: std::path::PathBuf,
    /// What it starts a run with.
    steps: String,
}

async fn world(database: &str, outside: &Path) -> World {
    let database = PgDatabase::open(database, PgOptions::default()).await.unwrap();
    let mut world = World::over(Arc::new(SqlRunStore::new(database)));
    world.outside = Arc::new(Outside::in_file(outside.to_owned()));
    world.sharing = SHARING;
    world
}

/// Not a test: the other process, which the tests below start.
#[tokio::test]
#[ignore = "a process that other tests start"]
async fn beside() {
    #[expect(clippy::disallowed_methods, reason = "a process of its own, told what to do by its parent")]
    let Ok(told) = std::env::var(ENGINE) else { return };
    let told: Beside = serde_json::from_str(&told).unwrap();
    let world = world(&told.database, &told.outside).await;
    let engine = world.start().await;
    let run = world.submit(&engine, &told.steps).await;
    world.outside.note(format!("run {run}"));
    // Until whoever started it is gone.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

#[expect(clippy::disallowed_methods, reason = "processes of this test's own")]
fn command(program: &Path) -> Command {
    Command::new(program)
}

/// The other process; it ends with this value.
struct Process(Child);

impl Process {
    fn start(told: &Beside) -> Self {
        let mut command = command(&std::env::current_exe().unwrap());
        command.args(["postgres::beside", "--exact", "--ignored", "--nocapture"]);
        command.env(ENGINE, serde_json::to_string(told).unwrap());
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        let status = command(Path::new("kill")).arg(signal).arg(self.0.id().to_string()).status().unwrap();
        assert!(status.success(), "kill {signal}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A world of this process's own, and another process with a run that has come to `until`.
async fn two(test: &str, steps: &str, until: &str) -> Option<(World, Process, RunId, tempfile::TempDir)> {
    let database = test_parts::postgres(test)?.database();
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    let process = Process::start(&Beside {
        database: database.clone(),
        outside: outside.clone(),
        steps: steps.to_owned(),
    });
    let world = world(&database, &outside).await;
    world.sees(until).await;
    let run = loop {
        let run =
            world.outside.events().into_iter().find_map(|event| event.strip_prefix("run ")?.parse().ok());
        match run {
            Some(run) => break run,
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    Some((world, process, run, folder))
}

/// Stops the other process past its claims, lets this one go on, and lets the other one say something late.
async fn stopped(test: &str, steps: &str, late: &str) {
    let Some((world, process, run, _folder)) = two(test, steps, "ran a 1").await else { return };
    process.signal("-STOP");
    let engine = world.start().await;
    let row = world.end(&engine, run).await;
    assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
    let before = world.store.events(run, 0, 1000).await.unwrap();
    world.outside.note("go".to_owned());
    process.signal("-CONT");
    world.sees(late).await;
    // Time for it to be wrong in.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.store.events(run, 0, 1000).await.unwrap(), before, "what came late changed the run");
    assert_eq!(world.step(run, "a").await.attempts, 2);
    world.close(engine).await;
}

#[tokio::test]
async fn a_process_that_was_stopped_past_its_claims_cannot_report() {
    let steps = "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: late }\n";
    stopped("a_process_that_was_stopped_past_its_claims_cannot_report", steps, "reports late").await;
}

#[tokio::test]
async fn a_process_that_was_stopped_past_its_claims_cannot_begin_an_effect() {
    let steps = "steps:\n  a:\n    uses: test/make@v1\n    with: { act: late }\n";
    let test = "a_process_that_was_stopped_past_its_claims_cannot_begin_an_effect";
    stopped(test, steps, "begin refused: true").await;
}

#[tokio::test]
async fn what_a_killed_process_made_is_adopted_by_another_one() {
    let test = "what_a_killed_process_made_is_adopted_by_another_one";
    let steps = "steps:\n  a:\n    uses: test/make@v1\n    with: { act: then_wait_once }\n";
    let Some((world, process, run, _folder)) = two(test, steps, "made a").await else { return };
    drop(process);
    let engine = world.start().await;
    let row = world.end(&engine, run).await;
    assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
    assert_eq!(world.outside.count("made a"), 1, "{:#?}", world.outside.events());
    assert!(world.outside.count("adopted \"a\"") == 1, "{:#?}", world.outside.events());
    world.close(engine).await;
}
