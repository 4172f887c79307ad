//! Doing `rootfs/debian@v1`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use engine_ports::{Action, ActionError, Fingerprint, LogStream, MirrorMap, StepContext, ToolCommand};
use steps_kit::{Tools, blocking, fail, inputs, io_failed, outputs, put_archive};
use tree::{Mtime, Owners};
use vocab::{ActionManifest, ArtifactKind, ArtifactRef, Digest, Inputs, Outputs, Value};

use super::args::{Mode, Plan, mmdebstrap};
use super::inputs::{Taken, Wanted};
use super::manifest::APT_HELPER;
use super::mirror::{Archive, PUBLIC_SECURITY, archives, list_name};
use super::sources::Source;
use super::{failure, packages, sources};
use crate::sandbox::{Lent, is_root, mirrored};

/// `rootfs/debian@v1`.
#[derive(Debug)]
pub struct Debian {
    manifest: ActionManifest,
}

impl Debian {
    /// The action.
    pub fn new() -> Self {
        Self { manifest: super::manifest::manifest() }
    }
}

impl Default for Debian {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Action for Debian {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    /// The digests of the signed files that fix every package of the archives.
    async fn fingerprint(&self, ctx: &StepContext, given: &Inputs) -> Result<Fingerprint, ActionError> {
        let wanted = Wanted::try_from(inputs::<Taken>(given.clone())?)?;
        let archives = archives_for(ctx, &wanted).await?;
        let lent = Lent::prepare(ctx).await?;
        let mut command = ToolCommand::new(APT_HELPER, &ctx.work).args([
            "-o",
            "Acquire::Retries=2",
            "-o",
            "Acquire::http::Timeout=20",
            "-o",
            "Acquire::https::Timeout=20",
        ]);
        if let Some(authorities) = &lent.authorities {
            command = command.arg("-o").arg(format!("Acquire::https::CaInfo={}", authorities.display()));
        }
        command = command.arg("download-file");
        command.env = proxies(&lent);
        for (index, archive) in archives.iter().enumerate() {
            // URL, file, and the digest that nobody knows yet.
            command = command.args([archive.release_url(), format!("InRelease.{index}"), String::new()]);
        }
        let exit = Tools::of(ctx, &self.manifest).run_any(command).await?;
        if !exit.success() {
            return Err(failure::explain("apt-helper", &exit.stderr_tail));
        }
        let mut lines = Vec::new();
        for (index, archive) in archives.iter().enumerate() {
            let file = ctx.work.join(format!("InRelease.{index}"));
            let bytes = tokio::fs::read(&file).await.map_err(io_failed("read", &file))?;
            lines.push(format!("{} {}", archive.suite, Digest::of(bytes)));
        }
        Ok(Fingerprint::Of(lines.join("\n")))
    }

    async fn execute(&self, ctx: &StepContext, given: Inputs) -> Result<Outputs, ActionError> {
        let wanted = Wanted::try_from(inputs::<Taken>(given)?)?;
        let archives = archives_for(ctx, &wanted).await?;
        let said = format!("mmdebstrap reads {}", archives[0].url);
        ctx.log.line(LogStream::Factory, &said);
        let lent = Lent::prepare(ctx).await?;
        let releases = ctx.work.join("releases");
        tokio::fs::create_dir(&releases).await.map_err(io_failed("create", &releases))?;
        let target = ctx.work.join("rootfs.tar");
        let plan = Plan {
            suite: &wanted.suite,
            variant: wanted.variant,
            arch: wanted.arch,
            packages: &wanted.packages,
            components: &wanted.components,
            updates: wanted.updates,
            archives: &archives,
            mode: self.mode(ctx).await?,
            authorities: lent.authorities.as_deref(),
            releases: &releases,
            target: &target,
        };
        let mut command = ToolCommand::new("mmdebstrap", &ctx.work).args(mmdebstrap(&plan));
        command.env = proxies(&lent);
        command = command.env("SOURCE_DATE_EPOCH", wanted.timestamp.to_string());
        let exit = Tools::of(ctx, &self.manifest).run_any(command).await?;
        if !exit.success() {
            return Err(failure::explain("mmdebstrap", &exit.stderr_tail));
        }
        let read = digests(&archives, &releases).await?;
        let packages = packages_report(ctx, &wanted.suite, &target).await?;
        let tree = put_archive(ctx, target, Mtime::AtMost(wanted.timestamp), Owners::Keep).await?;
        let main = read.get(&wanted.suite).cloned().unwrap_or_default();
        Ok(outputs([
            ("tree", tree.into()),
            ("packages", packages.into()),
            ("release", main),
            ("releases", Value::Map(read)),
        ]))
    }
}

impl Debian {
    /// A user namespace where the worker allows one: then nothing that mmdebstrap mounts is seen by the worker.
    async fn mode(&self, ctx: &StepContext) -> Result<Mode, ActionError> {
        if !is_root() {
            return Ok(Mode::Unshare);
        }
        let probe =
            ToolCommand::new("unshare", &ctx.work).args(["--user", "--map-root-user", "--mount", "true"]);
        let exit = Tools::of(ctx, &self.manifest).run_any(probe).await?;
        Ok(if exit.success() { Mode::Unshare } else { Mode::Root })
    }
}

/// The operator's mirror, or what the worker itself uses.
async fn archives_for(ctx: &StepContext, wanted: &Wanted) -> Result<Vec<Archive>, ActionError> {
    let own = blocking(|| Ok(sources::read(Path::new("/etc/apt")))).await?;
    let mirrors = &ctx.services.settings.mirrors;
    if let Some(mirror) = &mirrors.apt {
        return Ok(archives(mirror, &wanted.suite, wanted.updates, &security(mirrors, &wanted.suite)?));
    }
    match sources::pick(&own, &wanted.suite) {
        Some(source) => Ok(archives(&source.url, &wanted.suite, wanted.updates, &own)),
        None => Err(ActionError::permanent(
            "no Debian mirror is known: the worker has no `deb` source of its own",
        )
        .help("set `mirrors.apt` in the factory's settings")),
    }
}

/// Where the operator has security updates mirrored, as if the worker had it for a source.
fn security(mirrors: &MirrorMap, suite: &str) -> Result<Vec<Source>, ActionError> {
    let known = mirrored(mirrors)?.into_iter().filter(|one| one.archive == PUBLIC_SECURITY);
    let source = |url| Source { url, suites: vec![format!("{suite}-security")] };
    Ok(known.map(|one| source(one.mirror)).collect())
}

fn proxies(lent: &Lent) -> BTreeMap<String, std::ffi::OsString> {
    lent.on_worker
        .iter()
        .filter(|(name, _)| Lent::is_proxy(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

/// What apt really read, by suite.
async fn digests(archives: &[Archive], folder: &Path) -> Result<BTreeMap<String, Value>, ActionError> {
    let mut all = BTreeMap::new();
    for archive in archives {
        let file = folder.join(list_name(archive));
        let bytes = tokio::fs::read(&file).await.map_err(io_failed("read the archive's index", &file))?;
        all.insert(archive.suite.clone(), Digest::of(bytes).to_string().into());
    }
    Ok(all)
}

async fn packages_report(ctx: &StepContext, suite: &str, tar: &Path) -> Result<ArtifactRef, ActionError> {
    let (suite, tar, target): (_, PathBuf, _) =
        (suite.to_owned(), tar.to_owned(), ctx.work.join("packages.json"));
    let file = target.clone();
    blocking(move || {
        let opened = File::open(&tar).map_err(io_failed("open", &tar))?;
        let status = packages::status(BufReader::new(opened)).map_err(io_failed("read", &tar))?;
        let status = status.ok_or_else(|| {
            ActionError::permanent("mmdebstrap made a tree without dpkg's list of packages")
        })?;
        let report = packages::report(&suite, &packages::installed(&status));
        std::fs::write(&file, report.to_string()).map_err(io_failed("write", &file))
    })
    .await?;
    ctx.services.artifacts.put_file(&ctx.owner(), ArtifactKind::Report, &target).await.map_err(fail)
}
