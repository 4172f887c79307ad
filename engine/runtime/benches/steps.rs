//! Durable no-op steps per second on SQLite with full sync: one long chain, and many runs side by side.
//!
//! `cargo bench -p engine-runtime --bench steps`. Each line says wall time, steps per second, CPU seconds of the
//! whole process, commits of the engine, and beside them the machine's own time for one `fdatasync`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark ends where its ground gives way")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine_ports::{
    Action, ActionError, ArtifactError, ArtifactStore, ByteStream, EventBus as _, Expect, HoldOwner,
    ImageError, ImageManifest, ImageStore, Moved, Pushed, Repository, SecretError, SecretStore, SecretText,
    Services, StepContext, StepLog, StepSettings, ToolCommand, ToolError, ToolExit, ToolRunner, Withdrawn,
};
use engine_runtime::{
    ActionSet, Engine, EngineDirs, EngineParts, InProcessBus, Logs, Sharing, SpaceWatch, Submission,
    SystemClock, SystemIds,
};
use engine_stores::SqliteRunStore;
use lang::{Catalogue, CompileOptions, SourceFile, Workflow, compile};
use migrations::{Database, Options, Schema};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use vocab::{
    ActionManifest, ArtifactKind, ArtifactRef, Caching, Clock as _, Digest, Inputs, Isolation, IsolationRule,
    Limits, Outputs, RunStatus, SecretRef, TenantName, WorkerId,
};

#[tokio::main]
async fn main() {
    println!("fdatasync of 4 KiB: {:?} (median)", fdatasync());
    for (name, runs, steps) in [("1 run of 400 steps", 1, 400), ("100 runs of 40 steps", 100, 40)] {
        for round in 1..=3 {
            let figures = measure(runs, steps).await;
            println!("{name}, round {round}: {figures}");
        }
    }
}

async fn measure(runs: usize, steps: usize) -> String {
    let home = tempfile::tempdir().unwrap();
    let database =
        Database::open(home.path().join("engine.db"), Schema::Engine, Options::default()).await.unwrap();
    let limits = Limits { concurrent_attempts: 64, free_bytes: 0, ..Limits::default() };
    let clock = Arc::new(SystemClock::new());
    let ids = SystemIds::new();
    let worker = WorkerId::generate(&ids);
    let bus = Arc::new(InProcessBus::new(65_536));
    let services = Services {
        artifacts: Arc::new(Nothing),
        images: Arc::new(Nothing),
        secrets: Arc::new(Nothing),
        tools: Arc::new(Nothing),
        clock: clock.clone(),
        limits: limits.clone(),
        settings: StepSettings::default(),
    };
    let parts = EngineParts {
        store: Arc::new(SqliteRunStore::new(database.clone())),
        services: Arc::new(services),
        actions: ActionSet::new([Arc::new(Noop::new()) as Arc<dyn Action>]).unwrap(),
        clock: clock.clone(),
        ids: Arc::new(ids),
        bus: bus.clone(),
        logs: Logs::open(home.path().join("logs"), &limits, clock.clone()).unwrap(),
        log_files_stay: true,
        dirs: EngineDirs::below(home.path()),
        space: Arc::new(SpaceWatch::new(home.path(), &limits)),
        limits,
        worker,
        sharing: Sharing::Alone,
    };
    let engine = Engine::start(parts).await.unwrap();
    let submission = Submission {
        tenant: TenantName::default_tenant(),
        project: None,
        workflow: chain(steps),
        workflows: Vec::new(),
        inputs: Inputs::new(),
        trigger: json!({ "kind": "manual" }),
        source: None,
        trust_host: false,
        cache_scope: None,
        origin: None,
    };
    let mut news = bus.subscribe();
    let (start, cpu) = (clock.monotonic(), cpu());
    let mut ids = Vec::new();
    for _ in 0..runs {
        ids.push(engine.submit(submission.clone()).await.unwrap());
    }
    for run in ids {
        assert_eq!(engine.wait(run).await.unwrap().status, RunStatus::Succeeded);
    }
    let (wall, cpu) = (clock.monotonic().saturating_sub(start), self::cpu().saturating_sub(cpu));
    let mut commits = 0;
    while news.try_recv().is_ok() {
        commits += 1;
    }
    engine.shutdown().await;
    database.close().await;
    let rate = f64::from(u32::try_from(runs * steps).unwrap()) / wall.as_secs_f64();
    format!("{wall:.2?}, {rate:.0} steps/s, CPU {cpu:.2?}, {commits} commits")
}

fn chain(steps: usize) -> Workflow {
    let mut text =
        "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata:\n  name: chain\non:\n  manual: {}\nsteps:\n"
            .to_owned();
    for step in 0..steps {
        write!(text, "  s{step}:\n    uses: bench/noop@v1\n    cache: never\n").unwrap();
        if step > 0 {
            writeln!(text, "    needs: [s{}]", step - 1).unwrap();
        }
    }
    let catalogue = Catalogue::new([Noop::new().manifest]);
    let compiled = compile(&SourceFile::new("chain.yaml", text), &catalogue, &CompileOptions::default());
    compiled.workflow.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

fn cpu() -> Duration {
    let used = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap())
}

fn fdatasync() -> Duration {
    let clock = SystemClock::new();
    let mut file = tempfile::tempfile().unwrap();
    let mut times: Vec<_> = (0..101)
        .map(|_| {
            file.write_all(&[7; 4096]).unwrap();
            let start = clock.monotonic();
            file.sync_data().unwrap();
            clock.monotonic().saturating_sub(start)
        })
        .collect();
    times.sort_unstable();
    times[50]
}

struct Noop {
    manifest: ActionManifest,
}

impl Noop {
    fn new() -> Self {
        let manifest = ActionManifest {
            action: "bench/noop@v1".parse().unwrap(),
            summary: "Nothing".to_owned(),
            doc: "Nothing.".to_owned(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            isolation: IsolationRule::always(Isolation::Internal),
            caching: Caching::Auto,
            effects: Vec::new(),
            wait: None,
            tools: Vec::new(),
            example: String::new(),
        };
        Self { manifest }
    }
}

#[async_trait]
impl Action for Noop {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    async fn execute(&self, _: &StepContext, _: Inputs) -> Result<Outputs, ActionError> {
        Ok(Outputs::new())
    }
}

/// What a no-op never asks for.
struct Nothing;

fn no_content<T>() -> Result<T, ArtifactError> {
    Err(ArtifactError::Io("not in a benchmark".to_owned()))
}

fn no_images<T>() -> Result<T, ImageError> {
    Err(ImageError::Io("not in a benchmark".to_owned()))
}

#[async_trait]
impl ArtifactStore for Nothing {
    async fn put_file(&self, _: &HoldOwner, _: ArtifactKind, _: &Path) -> Result<ArtifactRef, ArtifactError> {
        no_content()
    }

    async fn put_stream(
        &self,
        _: &HoldOwner,
        _: ArtifactKind,
        _: ByteStream,
    ) -> Result<ArtifactRef, ArtifactError> {
        no_content()
    }

    async fn open(&self, _: &ArtifactRef) -> Result<ByteStream, ArtifactError> {
        no_content()
    }

    async fn materialize(&self, _: &ArtifactRef, _: &Path) -> Result<(), ArtifactError> {
        no_content()
    }

    async fn hold(&self, _: &HoldOwner, _: &ArtifactRef) -> Result<(), ArtifactError> {
        no_content()
    }

    async fn release(&self, _: &HoldOwner) -> Result<(), ArtifactError> {
        no_content()
    }
}

#[async_trait]
impl ImageStore for Nothing {
    async fn import_layout(&self, _: &HoldOwner, _: &Path) -> Result<ArtifactRef, ImageError> {
        no_images()
    }

    async fn put_blob(&self, _: &HoldOwner, _: ByteStream) -> Result<(Digest, u64), ImageError> {
        no_images()
    }

    async fn put_manifest(&self, _: &HoldOwner, _: ImageManifest) -> Result<ArtifactRef, ImageError> {
        no_images()
    }

    async fn manifest(&self, _: &Digest) -> Result<ImageManifest, ImageError> {
        no_images()
    }

    async fn open_blob(&self, _: &Digest) -> Result<ByteStream, ImageError> {
        no_images()
    }

    async fn push(&self, _: &Repository, _: &ArtifactRef, _: &str) -> Result<Pushed, ImageError> {
        no_images()
    }

    async fn withdraw(&self, _: &Repository, _: &Digest, _: &str, _: &str) -> Result<Withdrawn, ImageError> {
        no_images()
    }

    async fn unpublish(&self, _: &Repository, _: &Digest, _: &str) -> Result<(), ImageError> {
        no_images()
    }

    async fn resolve(&self, _: &Repository, _: &str) -> Result<Option<ArtifactRef>, ImageError> {
        no_images()
    }

    async fn move_tag(
        &self,
        _: &Repository,
        _: &str,
        _: Expect,
        _: Option<&Digest>,
        _: &str,
    ) -> Result<Moved, ImageError> {
        no_images()
    }
}

#[async_trait]
impl SecretStore for Nothing {
    async fn get(&self, _: &TenantName, secret: &SecretRef) -> Result<SecretText, SecretError> {
        Err(SecretError::Missing(secret.0.clone()))
    }
}

#[async_trait]
impl ToolRunner for Nothing {
    async fn run(
        &self,
        command: ToolCommand,
        _: &dyn StepLog,
        _: &CancellationToken,
    ) -> Result<ToolExit, ToolError> {
        Err(ToolError::NotFound(command.program))
    }

    fn find(&self, _: &str) -> Option<std::path::PathBuf> {
        None
    }
}
