//! The place where one build happens: private storage, configuration, and buildah in namespaces of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use engine_ports::{ActionError, StepContext, ToolCommand};
use steps_kit::{Tools, io_failed};
use vocab::{ActionManifest, ArtifactRef};

use super::args;

use crate::arch::Arch;
use crate::oci::{rfc3339, write_layout};
use crate::sandbox::{
    Doing, Lent, Network, Pin, Storage, check_layers, containers_conf, cut_off, explain, is_root,
    registries_conf, wrap,
};

/// Bytes that buildah prints when it is asked for an id.
const ID_BYTES: usize = 4096;

/// Runs a program with its temporary files in the folder `$0`, shown at a path that every user may follow: a container
/// with ids of its own cannot pass through the data folder, which is the factory's alone, to its root.
const REACHABLE: &str = "mount --bind \"$0\" /var/tmp && TMPDIR=/var/tmp exec \"$@\"";

pub(super) struct Bench<'a> {
    ctx: &'a StepContext,
    tools: Tools<'a>,
    pub(super) storage: Storage,
    pins: Vec<Pin>,
    pub(super) lent: Lent,
    pub(super) root: bool,
    calls: AtomicU32,
}

impl<'a> Bench<'a> {
    /// A bench in the attempt's work folder, on which tags lead to what `pins` says.
    pub(super) async fn set_up(
        ctx: &'a StepContext,
        manifest: &'a ActionManifest,
        pins: Vec<Pin>,
    ) -> Result<Self, ActionError> {
        let tools = Tools::of(ctx, manifest);
        tools.require("buildah")?;
        let registries = registries_conf(&ctx.services.settings.mirrors.registries, &pins);
        for (name, text) in [("containers.conf", containers_conf("runc")), ("registries.conf", registries)] {
            let file = ctx.work.join(name);
            tokio::fs::write(&file, text).await.map_err(io_failed("write", &file))?;
        }
        let storage = Storage::below(&ctx.work);
        storage.without_shifting().await?;
        Ok(Self {
            ctx,
            tools,
            storage,
            pins,
            lent: Lent::prepare(ctx).await?,
            root: is_root(),
            calls: AtomicU32::new(0),
        })
    }

    /// Puts the tree into the storage as the image `name`.
    pub(super) async fn lend_tree(
        &self,
        tree: &ArtifactRef,
        name: &str,
        arch: Arch,
        timestamp: i64,
    ) -> Result<(), ActionError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let folder = format!("tree-{number}");
        let (tar, layout) = (self.place(&format!("{folder}.tar")), self.place(&folder));
        let mut content = self.ctx.services.artifacts.open(tree).await.map_err(steps_kit::fail)?;
        let mut file = tokio::fs::File::create_new(&tar).await.map_err(io_failed("create", &tar))?;
        tokio::io::copy(&mut content, &mut file).await.map_err(io_failed("write", &tar))?;
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(io_failed("write", &tar))?;
        drop(file);
        steps_kit::blocking(move || {
            write_layout(&tar, &layout, arch, &rfc3339(timestamp)).map_err(io_failed("write", &layout))
        })
        .await?;
        self.take_in(&folder, name).await
    }

    /// Puts the image into the storage as `name`.
    pub(super) async fn lend_image(&self, image: &ArtifactRef, name: &str) -> Result<(), ActionError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let folder = format!("image-{number}");
        check_layers(steps_kit::materialize(self.ctx, image, &folder).await?).await?;
        self.take_in(&folder, name).await
    }

    async fn take_in(&self, folder: &str, name: &str) -> Result<(), ActionError> {
        let id = self.run(args::import(folder), Network::None, Doing::Moving).await?;
        self.without_triggers(&id, name).await?;
        self.run(args::tag(&id, name), Network::None, Doing::Moving).await?;
        // The storage has it now; the space is better used.
        let layout = self.place(folder);
        tokio::fs::remove_dir_all(&layout).await.map_err(io_failed("remove", &layout))
    }

    /// Fetches the image `name` from its registry into the storage.
    pub(super) async fn fetch(&self, name: &str, arch: Arch) -> Result<(), ActionError> {
        let pinned = Pin::fetched(&self.pins, name);
        let fetched = pinned.as_deref().unwrap_or(name);
        let id = self.run(args::fetch(fetched, arch), Network::Host, Doing::Fetching).await;
        let id =
            id.map_err(|error| ActionError { message: error.message.replace(fetched, name), ..error })?;
        self.without_triggers(&id, name).await?;
        if pinned.is_some() {
            self.run(args::tag(&id, name), Network::None, Doing::Moving).await?;
        }
        Ok(())
    }

    /// Instructions that an image carries for those who build on it (`ONBUILD`) were looked at by nobody here.
    async fn without_triggers(&self, id: &str, name: &str) -> Result<(), ActionError> {
        if self.run(args::triggers(id), Network::None, Doing::Moving).await? == "0" {
            return Ok(());
        }
        Err(ActionError::permanent(format!("the image {name} carries instructions (`ONBUILD`) of its own"))
            .help("build on an image without them, and write what they do into the Containerfile"))
    }

    /// Runs buildah; gives the last line of what it printed.
    pub(super) async fn run(
        &self,
        words: Vec<OsString>,
        network: Network,
        doing: Doing,
    ) -> Result<String, ActionError> {
        let mut command = ToolCommand::new("buildah", &self.ctx.work).args(self.storage.flags()).args(words);
        command.env.insert("CONTAINERS_CONF".to_owned(), self.place("containers.conf").into());
        command.env.insert("CONTAINERS_REGISTRIES_CONF".to_owned(), self.place("registries.conf").into());
        match (network, doing) {
            (Network::None, _) => {}
            // What buildah has of proxies, it gives to each command of the build.
            (_, Doing::Building) => command.env.extend(
                self.lent
                    .on_worker
                    .iter()
                    .filter(|(name, _)| Lent::is_proxy(name))
                    .map(|(n, v)| (n.clone(), v.clone())),
            ),
            _ => command.env.extend(self.lent.on_worker.clone()),
        }
        if doing != Doing::Building {
            command = command.capture(ID_BYTES);
        }
        let folder = self.place(&format!("call-{}", self.calls.fetch_add(1, Ordering::Relaxed)));
        tokio::fs::create_dir(&folder).await.map_err(io_failed("create", &folder))?;
        if self.root && doing == Doing::Building {
            let temporary = folder.join("tmp");
            tokio::fs::create_dir(&temporary).await.map_err(io_failed("create", &temporary))?;
            let mut words: Vec<OsString> = vec!["-c".into(), REACHABLE.into(), temporary.into()];
            words.push(command.program.into());
            words.extend(command.args);
            command = ToolCommand { args: words, program: "sh".to_owned(), ..command };
        }
        let exit = self
            .tools
            .run_any(wrap(command, network, &folder, &cut_off(&self.ctx.services.settings), self.root))
            .await?;
        if !exit.success() {
            return Err(explain("buildah", doing, &exit));
        }
        if let Some(line) =
            exit.stderr_tail.lines().find(|line| line.contains("cannot be mapped to a container ID"))
        {
            return Err(ActionError::permanent(format!("buildah left a file out of the image: {line}"))
                .help("files of the base may have owners up to 65535 only"));
        }
        let printed = String::from_utf8_lossy(&exit.stdout);
        Ok(printed.lines().last().unwrap_or_default().trim().to_owned())
    }

    /// A path in the attempt's work folder.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.ctx.work.join(name)
    }

    /// Removes the storage.
    pub(super) async fn tear_down(&self) {
        self.storage.remove("buildah", &self.tools, &self.ctx.work, self.root).await;
    }
}
