//! Running the script and collecting what it gives.

use engine_ports::{ActionError, StepContext, ToolCommand, ToolExit};
use steps_kit::{Tools, environment, fail, io_failed, materialize, outputs, put_tree, subfolder};
use tree::{Modes, Owners, PackOptions};
use vocab::{ActionManifest, ErrorClass, Outputs, Value};

use super::inputs::Script;
use super::results;

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
    for (name, tree) in &script.inputs {
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
    command.env.extend(environment(&ctx.services.settings, &own).await?);
    command.env.extend(script.env.iter().map(|(name, value)| (name.clone(), value.into())));
    for (name, secret) in &script.secrets {
        let secret = ctx.services.secrets.get(&ctx.tenant, secret.name()).await.map_err(fail)?;
        mask(ctx, secret.expose());
        command.env.insert(name.clone(), secret.expose().into());
    }
    let exit = Tools::of(ctx, manifest).run_any(command.env(OUTPUTS, &values)).await?;
    check(&exit)?;

    let values = results::read(&values)?.into_iter().map(|(name, value)| (name, value.into())).collect();
    let tree = match &script.output_path {
        Some(path) => collect(ctx, path, script.mtime).await?,
        None => Value::Null,
    };
    Ok(outputs([("values", Value::Map(values)), ("tree", tree)]))
}

fn mask(ctx: &StepContext, secret: &str) {
    secret.lines().filter(|line| line.len() >= 8).for_each(|line| ctx.log.mask(line));
    ctx.log.mask(secret);
}

fn check(exit: &ToolExit) -> Result<(), ActionError> {
    match (exit.code, exit.signal) {
        (Some(0), _) => Ok(()),
        (Some(TEMPORARY_FAILURE), _) => Err(ActionError::transient(format!(
            "the script asked for another try (exit code {TEMPORARY_FAILURE})"
        ))),
        (Some(code), _) => {
            Err(ActionError::permanent(format!("the script ended with code {code}; its log says why")))
        }
        (None, signal) => {
            let signal = signal.map_or_else(|| "a signal".to_owned(), |number| format!("signal {number}"));
            Err(ActionError::permanent(format!("the script was ended by {signal}")))
        }
    }
}

/// Stores the folder that the script filled. Owners and modes of the worker are not the tree's.
async fn collect(ctx: &StepContext, path: &str, mtime: i64) -> Result<Value, ActionError> {
    let folder = subfolder(&ctx.work, path)?;
    if !folder.is_dir() {
        return Err(ActionError::permanent(format!("`output_path` names `{path}`, which is no folder")));
    }
    let at_root = folder == ctx.work.canonicalize().map_err(io_failed("open", &ctx.work))?;
    let exclude = if at_root { vec![OWN.into()] } else { Vec::new() };
    let options =
        PackOptions { owners: Owners::Root, modes: Modes::Plain, exclude, ..PackOptions::at(mtime) };
    put_tree(ctx, folder, options).await.map(Value::from)
}
