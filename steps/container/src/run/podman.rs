//! podman in one attempt: private storage, configuration, namespaces of its own.

use std::path::PathBuf;

use engine_ports::{ActionError, StepContext, ToolCommand, ToolExit};
use steps_kit::{Tools, io_failed};
use vocab::ActionManifest;

use super::args::{self, Container};
use crate::sandbox::{Doing, Network, Storage, containers_conf, cut_off, explain, is_root, runtime, wrap};

/// Bytes that podman prints when it is asked for an id.
const ID_BYTES: usize = 4096;

/// podman in the attempt's work folder.
pub(super) struct Podman<'a> {
    ctx: &'a StepContext,
    tools: Tools<'a>,
    storage: Storage,
    runtime: PathBuf,
    pub(super) root: bool,
}

impl<'a> Podman<'a> {
    /// podman in the attempt's work folder.
    pub(super) async fn set_up(
        ctx: &'a StepContext,
        manifest: &'a ActionManifest,
    ) -> Result<Self, ActionError> {
        let tools = Tools::of(ctx, manifest);
        tools.require("podman")?;
        let runtime = runtime(ctx)?;
        let conf = ctx.work.join("containers.conf");
        let text = containers_conf(&runtime.to_string_lossy());
        tokio::fs::write(&conf, text).await.map_err(io_failed("write", &conf))?;
        Ok(Self { ctx, tools, storage: Storage::below(&ctx.work), runtime, root: is_root() })
    }

    fn command(&self) -> ToolCommand {
        ToolCommand::new("podman", &self.ctx.work)
            .args(self.storage.flags())
            .args(args::global(&self.runtime, &self.ctx.work.join("podman-state")))
            .env("CONTAINERS_CONF", self.ctx.work.join("containers.conf"))
    }

    /// Takes in the image of the OCI layout `folder`; gives its id.
    pub(super) async fn import(&self, folder: &str) -> Result<String, ActionError> {
        let command = self.command().args(args::import(folder)).capture(ID_BYTES);
        let exit = self.tools.run_any(self.wrapped(command, Network::None).await?).await?;
        if !exit.success() {
            return Err(explain("podman", Doing::Moving, &exit));
        }
        // The storage has it now; the space is better used.
        let layout = self.ctx.work.join(folder);
        tokio::fs::remove_dir_all(&layout).await.map_err(io_failed("remove", &layout))?;
        let printed = String::from_utf8_lossy(&exit.stdout);
        Ok(printed.lines().last().unwrap_or_default().trim().to_owned())
    }

    /// Runs a container to its end.
    pub(super) async fn run(&self, container: &Container<'_>) -> Result<ToolExit, ActionError> {
        let command = self.command().args(args::run(container));
        self.tools.run_any(self.wrapped(command, container.network).await?).await
    }

    async fn wrapped(&self, command: ToolCommand, network: Network) -> Result<ToolCommand, ActionError> {
        let folder = self.ctx.work.join("network");
        tokio::fs::create_dir_all(&folder).await.map_err(io_failed("create", &folder))?;
        Ok(wrap(command, network, &folder, &cut_off(&self.ctx.services.settings), self.root))
    }

    /// Removes the storage.
    pub(super) async fn tear_down(&self) {
        self.storage.remove("podman", &self.tools, &self.ctx.work, self.root).await;
    }
}
