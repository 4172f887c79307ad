//! The start of the program: arguments, runtime, exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use super::args::{Cli, Command};
use super::scripts::Form;
use super::setup::Setup;
use super::{
    Failure, actions, admin, config, doctor, explain, init, lint, plan, projects, run, runs, scripts, serve,
};
use crate::ui::Ui;

/// Time for threads that still do something when the command has ended.
const LAST_MOMENT: Duration = Duration::from_millis(200);

/// Runs the command that the arguments name. Exit code 0: done; 1: failed; 2: what was given is wrong.
pub fn main() -> ExitCode {
    // The shim adopts orphans and forks: it must not have threads, and so no runtime.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "exec-shim") {
        return engine_runtime::shim_main();
    }
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let form = Form::of(&arguments);
    let setup = Setup::of_process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output and is a success; errors go to standard error.
            let _ = error.print();
            if error.use_stderr() {
                write(form, &scripts::misunderstood(&error.render().to_string()), &setup);
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(dispatch(cli.command, &setup));
            // What still blocks has nobody left to wait for it.
            runtime.shutdown_timeout(LAST_MOMENT);
            ended
        }
        Err(error) => Err(Failure::new(format!("the system gives no threads: {error}"))),
    };
    match ended {
        Ok(()) if Ui::output_is_whole() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(failure) => {
            failure.tell(setup.ui);
            write(form, &failure, &setup);
            ExitCode::from(failure.code)
        }
    }
}

/// Scripts are told what failed, whatever it was.
fn write(form: Form, failure: &Failure, setup: &Setup) {
    if let Some(object) = form.write(failure) {
        setup.ui.json(&object);
    }
}

async fn dispatch(command: Command, setup: &Setup) -> Result<(), Failure> {
    match command {
        Command::Serve(command) => serve::serve(command, setup).await,
        Command::Run(command) => run::run(command, setup).await,
        Command::Lint(command) => lint::lint(&command, setup),
        Command::Plan(command) => plan::plan(&command, setup),
        Command::Graph(command) => plan::graph(&command, setup),
        Command::Init(command) => init::init(&command, setup),
        Command::Doctor(command) => doctor::doctor(&command, setup).await,
        Command::Actions(command) => actions::actions(&command, setup),
        Command::Explain(command) => explain::explain(&command, setup),
        Command::Runs(command) => runs::runs(command, setup).await,
        Command::Projects(command) => projects::projects(command, setup).await,
        Command::Admin(command) => admin::admin(&command, setup).await,
        Command::Config(command) => config::config(&command, setup),
        Command::ExecShim => Err(Failure::usage("`exec-shim` is for the factory itself")),
    }
}
