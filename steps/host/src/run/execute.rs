//! Running the script and collecting what it gives.

use std::path::{Path, PathBuf};

use engine_ports::{ActionError, StepContext, ToolCommand, ToolExit};
use steps_kit::{
    Tools, environment, fail, git_mirrors, io_failed, mask, materialize, outputs, put_tree, read_results,
    subfolder, tree_limits,
};
use tree::{Modes, Owners, PackOptions};
use vocab::{ActionManifest, ErrorClass, Outputs, Value};

use super::inputs::Script;

/// The variable that names the file for values.
pub(super) const OUTPUTS: &str = "FACTORY_OUTPUTS";
/// The exit code that asks for another try, as `sysexits.h` has it.
const TEMPORARY_FAILURE: i32 = 75;
/// Folder of the factory's own files, beside what the script sees first.
const OWN: &str = ".factory";

pub(super) async fn execute(
    ctx: &StepContext,
    manifest: &ActionManifest,
    script: Script,
) -> Result<Outputs, ActionError> {
    if !ctx.trust_host {
        // Lint, plan and dispatch refuse it as well; this is the last door.
        return Err(ActionError::new(
            ErrorClass::Gate,
            "this project is not trusted to run code on the host",
        )
        .help(
            "run the script with container/run@v1, or have the operator trust the project (`--trust host`)",
        ));
    }
    for (name, tree) in &script.mounts {
        materialize(ctx, tree, name).await?;
    }
    let own = ctx.work.join(OWN);
    std::fs::create_dir(&own).map_err(io_failed("create", &own))?;
    let (text, values) = (own.join("script"), own.join("outputs"));
    std::fs::write(&text, &script.text).map_err(io_failed("write", &text))?;
    std::fs::write(&values, "").map_err(io_failed("write", &values))?;

    let (program, arguments) =
        script.shell.split_first().ok_or_else(|| ActionError::permanent("no shell"))?;
    let mut command = ToolCommand::new(program.clone(), &ctx.work).args(arguments).arg(&text);
    command.env.extend(environment(&ctx.services.settings, &own, &*ctx.log).await?);
    let git = git_mirrors(&ctx.services.settings);
    command.env.extend(git.into_iter().map(|(name, value)| (name, value.into())));
    command.env.extend(script.env.iter().map(|(name, value)| (name.clone(), value.into())));
    for (name, secret) in &script.secrets {
        let secret = ctx.services.secrets.get(&ctx.tenant, secret.name()).await.map_err(fail)?;
        mask(&*ctx.log, &secret);
        command.env.insert(name.clone(), secret.expose().into());
    }
    let exit = Tools::of(ctx, manifest).run_any(command.env(OUTPUTS, &values)).await?;
    check(&exit)?;

    let values = read_results(&values)?;
    let folder = if let Some(path) = &script.collect {
        collected(ctx, path)?
    } else {
        let empty = own.join("empty");
        std::fs::create_dir(&empty).map_err(io_failed("create", &empty))?;
        empty
    };
    // The factory's own files are no part of it where the whole work folder is collected.
    let real = own.canonicalize().map_err(io_failed("open", &own))?;
    let exclude = real.strip_prefix(&folder).map(Path::to_owned).into_iter().collect();
    // Owners and modes of the worker are not the tree's.
    let options = PackOptions {
        owners: Owners::Root,
        modes: Modes::Plain,
        exclude,
        ..PackOptions::at(script.timestamp, tree_limits(ctx))
    };
    let tree = put_tree(ctx, folder, options).await?;
    Ok(outputs([("outputs", Value::Map(values)), ("tree", tree.into())]))
}

fn check(exit: &ToolExit) -> Result<(), ActionError> {
    match (exit.code, exit.signal) {
        (Some(0), _) => Ok(()),
        (Some(TEMPORARY_FAILURE), _) => Err(ActionError::transient(format!(
            "the script asked for another try (exit code {TEMPORARY_FAILURE})"
        ))),
        (Some(code), _) => {
            // What it said last belongs into the message: on a full disk there is no log to look into.
            let last = exit.stderr_tail.lines().rev().find(|line| !line.trim().is_empty());
            let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
            Err(ActionError::permanent(format!("the script ended with code {code}{last}"))
                .help("the step's log has all that it said"))
        }
        (None, signal) => {
            let signal = signal.map_or_else(|| "a signal".to_owned(), |number| format!("signal {number}"));
            Err(ActionError::permanent(format!("the script was ended by {signal}")))
        }
    }
}

/// The folder that the script filled.
fn collected(ctx: &StepContext, path: &str) -> Result<PathBuf, ActionError> {
    let folder = subfolder(&ctx.work, path)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(ActionError::permanent(format!("`collect` names `{path}`, which is no folder")))
}
