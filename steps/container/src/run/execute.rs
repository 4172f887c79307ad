//! Doing `container/run@v1`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use engine_ports::{Action, ActionError, Fingerprint, StepContext, ToolExit};
use steps_kit::{blocking, inputs, io_failed, materialize, outputs, put_tree, tree_limits};
use tree::{Modes, Mtime, Owners, PackOptions};
use vocab::{ActionManifest, Inputs, Outputs, Value};

use super::args::{Container, Mount};
use super::exchange::Exchange;
use super::inputs::{Start, Taken, Wanted};
use super::owners;
use super::podman::Podman;
use crate::sandbox::{Cgroup, Doing, Lent, Network, check_layers, explain, write_private};

/// The exit code that asks for another try, as `sysexits.h` has it.
const TEMPORARY_FAILURE: i32 = 75;

/// `container/run@v1`.
#[derive(Debug)]
pub struct Run {
    manifest: ActionManifest,
}

impl Run {
    /// The action.
    pub fn new() -> Self {
        Self { manifest: super::manifest::manifest() }
    }
}

impl Default for Run {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Action for Run {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    async fn fingerprint(&self, _ctx: &StepContext, given: &Inputs) -> Result<Fingerprint, ActionError> {
        let wanted = Wanted::try_from(inputs::<Taken>(given.clone())?)?;
        Ok(match wanted.network {
            Network::Egress => {
                Fingerprint::Unknown("with `network: egress`, the command may read anything".to_owned())
            }
            Network::None | Network::Host => Fingerprint::Nothing,
        })
    }

    async fn execute(&self, ctx: &StepContext, given: Inputs) -> Result<Outputs, ActionError> {
        let wanted = Wanted::try_from(inputs::<Taken>(given)?)?;
        let podman = Podman::set_up(ctx, &self.manifest).await?;
        let cgroup = Cgroup::enter(ctx).await?;
        let ran = self.run(ctx, &podman, &wanted, &cgroup).await;
        // Whatever came of it, nothing of it stays on the worker.
        podman.tear_down().await;
        cgroup.leave().await?;
        ran
    }
}

impl Run {
    async fn run(
        &self,
        ctx: &StepContext,
        podman: &Podman<'_>,
        wanted: &Wanted,
        cgroup: &Cgroup,
    ) -> Result<Outputs, ActionError> {
        let lent = match wanted.network {
            Network::Egress => Lent::prepare(ctx).await?,
            Network::None | Network::Host => Lent::default(),
        };
        let (exchange, mounts, collected) = prepare(ctx, wanted, &lent, podman.root).await?;
        check_layers(materialize(ctx, &wanted.image, "image").await?).await?;
        let image = podman.import("image").await?;
        let argv = match &wanted.start {
            Start::Image => None,
            Start::Script(_) => Some(Exchange::script_argv()),
            Start::Command(command) => Some(command.clone()),
        };
        let mut env = lent.in_container;
        env.extend(wanted.env.clone());
        env.insert("FACTORY_OUTPUTS".to_owned(), Exchange::outputs_in_container());
        let (env, env_file) = variables(ctx, env).await?;
        let parent = cgroup.parent(podman.root);
        let container = Container {
            image: &image,
            argv: argv.as_deref(),
            env: &env,
            env_file: &env_file,
            mounts: &mounts,
            network: wanted.network,
            read_only: wanted.read_only,
            memory: wanted.memory,
            cpus: wanted.cpus,
            pids: wanted.pids,
            user: wanted.user.as_deref(),
            workdir: wanted.workdir.as_deref(),
            cgroup_parent: parent.as_deref(),
            root: podman.root,
        };
        let exit = podman.run(&container).await?;
        if !exit.success() {
            return Err(failed(&exit));
        }
        let said = blocking(move || exchange.read()).await?;
        let tree = collect(ctx, collected, podman.root, wanted.timestamp).await?;
        Ok(outputs([("outputs", Value::Map(said)), ("tree", tree)]))
    }
}

/// Writes variables to a file that nobody else can read, since what is lent may hold a password and everybody can read
/// command lines. Gives back those of several lines, which podman takes on its command line alone.
async fn variables(
    ctx: &StepContext,
    env: BTreeMap<String, String>,
) -> Result<(BTreeMap<String, String>, PathBuf), ActionError> {
    let file = ctx.work.join("variables");
    let (long, short): (BTreeMap<_, _>, BTreeMap<_, _>) =
        env.into_iter().partition(|(_, value)| value.contains(['\n', '\r']));
    let text: String =
        short.into_iter().flat_map(|(name, value)| [name, "=".to_owned(), value, "\n".to_owned()]).collect();
    write_private(file.clone(), text, 0o600).await?;
    Ok((long, file))
}

/// What the container sees, and the folder for the output `tree`, which stays empty where nothing is collected.
async fn prepare(
    ctx: &StepContext,
    wanted: &Wanted,
    lent: &Lent,
    root: bool,
) -> Result<(Exchange, Vec<Mount>, PathBuf), ActionError> {
    let mut mounts = Vec::new();
    for (index, (target, tree)) in wanted.mounts.iter().enumerate() {
        let source = materialize(ctx, tree, &format!("mount-{index}")).await?;
        mounts.push(Mount { source, target: target.clone(), read_only: true });
    }
    let (collected, target) = (ctx.work.join("collect"), wanted.collect.clone());
    let script = match &wanted.start {
        Start::Script(script) => Some(script.clone()),
        Start::Image | Start::Command(_) => None,
    };
    let (lent, folder) = (lent.clone(), ctx.work.join("exchange"));
    blocking(move || {
        let exchange = Exchange::make(folder.clone(), script.as_deref(), &lent);
        let exchange = exchange.map_err(io_failed("make", &folder))?;
        mounts.push(exchange.mount());
        make_open(&collected).map_err(io_failed("make", &collected))?;
        if let Some(target) = target {
            mounts.push(Mount { source: collected.clone(), target, read_only: false });
        }
        if root {
            for mount in &mounts {
                owners::enter(&mount.source).map_err(io_failed("change the owners in", &mount.source))?;
            }
        }
        Ok((exchange, mounts, collected))
    })
    .await
}

/// A folder that every user of the container can write to.
fn make_open(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777))
}

async fn collect(
    ctx: &StepContext,
    folder: PathBuf,
    root: bool,
    timestamp: i64,
) -> Result<Value, ActionError> {
    if root {
        let folder = folder.clone();
        blocking(move || owners::leave(&folder).map_err(io_failed("change the owners in", &folder))).await?;
    }
    let options = PackOptions {
        mtime: Mtime::Fixed(timestamp),
        owners: Owners::Keep,
        modes: Modes::Keep,
        limits: tree_limits(ctx),
        exclude: Vec::new(),
    };
    Ok(put_tree(ctx, folder, options).await?.into())
}

/// podman's own codes are 125 to 127; every other one is the command's.
fn failed(exit: &ToolExit) -> ActionError {
    let tail = exit.stderr_tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match exit.code {
        Some(125) => explain("podman", Doing::Moving, exit),
        Some(code @ (126 | 127))
            if tail.contains("OCI ") || tail.contains("crun") || tail.contains("runc") =>
        {
            let what = if code == 127 { "is not in the image" } else { "could not be started" };
            ActionError::permanent(format!("the command {what}: {tail}"))
                .help("check `command`, and that the image has `/bin/sh` where `script` is used")
        }
        Some(137) => ActionError::permanent("the command was killed (code 137)")
            .help("most likely it took more than its memory: give the step more `memory`"),
        Some(TEMPORARY_FAILURE) => ActionError::transient(format!(
            "the command asked for another try (exit code {TEMPORARY_FAILURE}): {tail}"
        )),
        Some(code) => ActionError::permanent(if tail.is_empty() {
            format!("the command ended with code {code}")
        } else {
            format!("the command ended with code {code}: {tail}")
        })
        .help("the step's log has all that it said"),
        None => ActionError::permanent("podman was killed from outside"),
    }
}
