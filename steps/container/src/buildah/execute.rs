//! Doing `container/buildah@v1`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use engine_ports::{Action, ActionError, Fingerprint, LogStream, StepContext, ToolCommand};
use steps_kit::{Tools, blocking, fail, inputs, io_failed, materialize, outputs, subfolder};
use tokio_util::io::SyncIoBridge;
use vocab::{ActionManifest, Digest, Inputs, Isolation, Outputs};

use super::args::{self, Build};
use super::bench::Bench;
use super::containerfile::{self, Asked};

use super::inputs::{Lend, Taken, Wanted};
use super::pin;
use super::reference::ImageName;
use crate::sandbox::{
    Cgroup, Doing, Lent, Network, explain, foreign_owner, registries_conf, runtime, runtime_script,
    write_private,
};

/// The largest Containerfile that is read, in bytes.
const FILE_BYTES: u64 = 1024 * 1024;
/// The largest manifest that a registry may answer with, in bytes.
const MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// `container/buildah@v1`.
#[derive(Debug)]
pub struct Buildah {
    manifest: ActionManifest,
}

impl Buildah {
    /// The action.
    pub fn new() -> Self {
        Self { manifest: super::manifest::manifest() }
    }
}

impl Default for Buildah {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Action for Buildah {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    /// The digests of the base images that registries hold now.
    async fn fingerprint(&self, ctx: &StepContext, given: &Inputs) -> Result<Fingerprint, ActionError> {
        let wanted = Wanted::try_from(inputs::<Taken>(given.clone())?)?;
        if wanted.network == Network::Egress {
            return Ok(Fingerprint::Unknown(
                "with `network: egress`, the build may read anything".to_owned(),
            ));
        }
        let Some(text) = containerfile_in_tree(ctx, &wanted).await? else {
            return Ok(Fingerprint::Unknown(
                "the Containerfile is missing or behind a link, which only the unpacked context can tell"
                    .to_owned(),
            ));
        };
        let asked = asked_for(&text, &wanted)?;
        let mut lines = Vec::new();
        for image in from_registries(&asked, &wanted, ctx)? {
            if image.digest.is_some() {
                continue;
            }
            match self.digest_now(ctx, &image).await? {
                Some(digest) => lines.push(pin::line(&image, &digest)),
                None => {
                    return Ok(Fingerprint::Unknown(format!(
                        "the digest of {image} cannot be asked for without skopeo"
                    )));
                }
            }
        }
        Ok(if lines.is_empty() { Fingerprint::Nothing } else { Fingerprint::Of(lines.join("\n")) })
    }

    async fn execute(&self, ctx: &StepContext, given: Inputs) -> Result<Outputs, ActionError> {
        let wanted = Wanted::try_from(inputs::<Taken>(given)?)?;
        let context = materialize(ctx, &wanted.context, "context").await?;
        let folder = subfolder(&context, &wanted.path)?;
        let text = read_containerfile(&folder, wanted.file.as_deref()).await?;
        let asked = asked_for(&text, &wanted)?;
        let images = from_registries(&asked, &wanted, ctx)?;
        let pins = pin::pins(&images, ctx.fingerprint.as_ref())?;

        let cgroup = Cgroup::enter(ctx).await?;
        let bench = Bench::set_up(ctx, &self.manifest, pins).await?;
        let built = build(ctx, &bench, &wanted, &folder, &asked.text, &images, &cgroup).await;
        // Whatever came of it, nothing of it stays on the worker.
        bench.tear_down().await;
        cgroup.leave().await?;
        let layout = built?;
        let image = ctx.services.images.import_layout(&ctx.owner(), &layout).await.map_err(fail)?;
        let digest = image.digest.to_string();
        Ok(outputs([("image", image.into()), ("digest", digest.into())]))
    }
}

impl Buildah {
    /// What a registry says that `image` is now; `None` without the program to ask with.
    async fn digest_now(&self, ctx: &StepContext, image: &ImageName) -> Result<Option<Digest>, ActionError> {
        if ctx.services.tools.find("skopeo").is_none() {
            return Ok(None);
        }
        let registries = ctx.work.join("registries.conf");
        let text = registries_conf(&ctx.services.settings.mirrors.registries, &[]);
        tokio::fs::write(&registries, text).await.map_err(io_failed("write", &registries))?;
        let lent = Lent::prepare(ctx).await?;
        let mut command = ToolCommand::new("skopeo", &ctx.work)
            // Other than buildah, it reads no variable for that.
            .arg("--registries-conf")
            .arg(registries)
            .args(["inspect", "--raw"])
            .arg(format!("docker://{image}"))
            .capture(MANIFEST_BYTES);
        command.env.extend(lent.on_worker);
        let exit = Tools::of(ctx, &self.manifest).run_any(command).await?;
        if exit.success() {
            Ok(Some(Digest::of(exit.stdout)))
        } else {
            Err(explain("skopeo", Doing::Fetching, &exit))
        }
    }
}

/// Builds, and gives the OCI layout with the result.
async fn build(
    ctx: &StepContext,
    bench: &Bench<'_>,
    wanted: &Wanted,
    folder: &Path,
    text: &str,
    images: &[ImageName],
    cgroup: &Cgroup,
) -> Result<PathBuf, ActionError> {
    for (name, lend) in &wanted.lent {
        match lend {
            Lend::Tree(tree) => bench.lend_tree(tree, name, wanted.arch, wanted.timestamp).await?,
            Lend::Image(image) => bench.lend_image(image, name).await?,
        }
    }
    for image in images {
        ctx.log.line(LogStream::Factory, &format!("fetching {image}"));
        bench.fetch(&image.to_string(), wanted.arch).await?;
    }
    // What was understood is what is built: neither another file in its place nor another way to read it.
    let file = bench.place("Containerfile");
    tokio::fs::write(&file, text).await.map_err(io_failed("write", &file))?;
    let runtime = write_runtime(ctx, bench, wanted).await?;
    let egress = wanted.network == Network::Egress;
    let parent = cgroup.parent(bench.root);
    if wanted.isolation == Isolation::Oci {
        cgroup.bound(bench.root, wanted.bounds).await?;
    }
    let build = Build {
        folder,
        file: &file,
        arguments: &wanted.args,
        labels: &wanted.labels,
        target: wanted.target.as_deref(),
        arch: wanted.arch,
        timestamp: wanted.timestamp,
        network: wanted.network,
        isolation: wanted.isolation,
        root: bench.root,
        runtime: &runtime,
        runtime_state: &bench.place("runtime-state"),
        cgroup_parent: parent.as_deref(),
        memory: wanted.bounds.memory,
        authorities: bench.lent.authorities.as_deref().filter(|_| egress),
        apt: bench.lent.apt.as_deref().filter(|_| egress),
    };
    bench.run(args::bud(&build), wanted.network, Doing::Building).await?;
    let layout = bench.place("result");
    bench.run(args::export(&layout), Network::None, Doing::Moving).await?;
    if build.own_ids() {
        own_owners(layout.clone()).await?;
    }
    Ok(layout)
}

/// Refuses a result with files that belong to ids of the worker.
async fn own_owners(layout: PathBuf) -> Result<(), ActionError> {
    let found = blocking(move || foreign_owner(&layout).map_err(io_failed("read", &layout))).await?;
    found.map_or(Ok(()), |path| {
        Err(ActionError::permanent(format!(
            "buildah gave `{path}` in the image an owner that only this worker has"
        ))
        .help("the worker's buildah cannot build with ids of its own: install version 1.28 or a newer one"))
    })
}

/// The runtime that gives each `RUN` what must not stay in the image.
async fn write_runtime(
    ctx: &StepContext,
    bench: &Bench<'_>,
    wanted: &Wanted,
) -> Result<PathBuf, ActionError> {
    let file = bench.place("runtime");
    if wanted.isolation == Isolation::Chroot {
        return Ok(file);
    }
    let runtime = runtime(ctx)?;
    let mut variables = BTreeMap::from([("SOURCE_DATE_EPOCH".to_owned(), wanted.timestamp.to_string())]);
    if wanted.network == Network::Egress {
        let others = bench.lent.in_container.iter().filter(|(name, _)| !Lent::is_proxy(name));
        variables.extend(others.map(|(name, value)| (name.clone(), value.clone())));
    }
    let layers = bench.storage.layers();
    let script =
        runtime_script(&runtime, &variables, Some(&layers).filter(|_| bench.root).map(PathBuf::as_path));
    // What is lent may hold a password.
    write_private(file.clone(), script, 0o700).await?;
    Ok(file)
}

fn asked_for(text: &str, wanted: &Wanted) -> Result<Asked, ActionError> {
    containerfile::read(text, &wanted.args).map_err(|error| {
        ActionError::permanent(format!("the Containerfile cannot be built: {error}")).help(error.help())
    })
}

/// The images that have to be fetched. Every one has to come from a registry that the operator allows.
fn from_registries(asked: &Asked, wanted: &Wanted, ctx: &StepContext) -> Result<Vec<ImageName>, ActionError> {
    let allowed = &ctx.services.settings.mirrors.registries;
    let own: BTreeSet<&str> = wanted.lent.keys().map(String::as_str).collect();
    let fetched: Vec<_> =
        asked.images.iter().filter(|image| !own.contains(image.to_string().as_str())).cloned().collect();
    match fetched.iter().find(|image| !allowed.contains_key(&image.host)) {
        None => Ok(fetched),
        Some(image) => Err(ActionError::permanent(format!(
            "the Containerfile builds on {image}, but images of `{}` are not allowed here",
            image.host
        ))
        .help(format!(
            "the operator allows it with `--set steps.mirrors.registries={0}={0}`, or in the configuration file; or \
             build on an image of the factory, with `base` and `ARG BASE`",
            image.host
        ))),
    }
}

/// Names that are looked for when the workflow gives none.
const FILES: [&str; 2] = ["Containerfile", "Dockerfile"];

async fn read_containerfile(folder: &Path, file: Option<&str>) -> Result<String, ActionError> {
    let names: &[&str] = file.as_ref().map_or(&FILES, std::slice::from_ref);
    let found = names.iter().find_map(|name| subfolder(folder, name).ok().filter(|path| path.is_file()));
    let Some(path) = found else { return Err(no_file(names)) };
    let file = tokio::fs::File::open(&path).await.map_err(io_failed("open", &path))?;
    let mut text = String::new();
    let mut bounded = tokio::io::AsyncReadExt::take(file, FILE_BYTES);
    tokio::io::AsyncReadExt::read_to_string(&mut bounded, &mut text)
        .await
        .map_err(io_failed("read", &path))?;
    Ok(text)
}

/// The same from the tree's archive, without unpacking it; `None` where no plain file has that name.
async fn containerfile_in_tree(ctx: &StepContext, wanted: &Wanted) -> Result<Option<String>, ActionError> {
    let names: Vec<&str> = wanted.file.as_deref().map_or_else(|| FILES.to_vec(), |name| vec![name]);
    let paths: Vec<PathBuf> = names.iter().map(|name| plain(&Path::new(&wanted.path).join(name))).collect();
    let tar = SyncIoBridge::new(ctx.services.artifacts.open(&wanted.context).await.map_err(fail)?);
    blocking(move || {
        let failed = || io_failed("read", Path::new("the context"));
        let mut found: Vec<Option<String>> = vec![None; paths.len()];
        for entry in tar::Archive::new(std::io::BufReader::new(tar)).entries().map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let path = plain(&entry.path().map_err(failed())?);
            let is_plain = entry.header().entry_type().is_file();
            if let Some(index) = paths.iter().position(|wanted| is_plain && *wanted == path) {
                let mut text = String::new();
                entry.take(FILE_BYTES).read_to_string(&mut text).map_err(failed())?;
                found[index] = Some(text);
                if index == 0 {
                    break;
                }
            }
        }
        Ok(found.into_iter().flatten().next())
    })
    .await
}

fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

fn no_file(names: &[&str]) -> ActionError {
    ActionError::permanent(format!("the context has no {} at this `path`", names.join(" or ")))
        .help("check `path` and `file`; both are relative, `file` to `path`")
}
