//! The engine as `make bench-engine` measures it beside its peers: the real driver on the real SQLite store with full
//! sync, and a few actions. No part of the product.
//!
//! `bench-engine server FOLDER` says `ready` once the engine has started over what the folder holds, then answers each
//! order on standard input ([`order`]) with a line of milliseconds. At the end of its input it shuts down. The peers'
//! clients in `bench/peers` speak the same.

#![expect(clippy::print_stderr, reason = "a program that people start")]

mod absent;
mod actions;
mod house;
mod order;
mod serve;
mod workflows;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next().as_deref().and_then(|word| word.to_str()), arguments.next()) {
        (Some("exec-shim"), _) => engine_runtime::shim_main(),
        (Some("server"), Some(folder)) => served(Path::new(&folder)),
        _ => {
            eprintln!("usage: bench-engine server FOLDER");
            ExitCode::from(2)
        }
    }
}

fn served(folder: &Path) -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
    let outcome = tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(serve::serve(folder)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-engine over {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
