//! `explain CODE`: the page of a code.

use clap::Args;
use lang::Code;

use super::Failure;
use super::setup::Setup;

/// Explain the code of a diagnostic.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  image-factory explain IF0040")]
pub(super) struct Explain {
    /// The code, such as IF0012
    code: String,
}

pub(super) fn explain(command: &Explain, setup: &Setup) -> Result<(), Failure> {
    let code: Code = command.code.parse().map_err(|()| {
        let last = Code::ALL.last().map_or("", |code| code.name());
        Failure::usage(format!("there is no code `{}`; they go from IF0001 to {last}", command.code))
            .help("a diagnostic names its code in brackets, as in `error[IF0027]`")
    })?;
    setup.ui.line(lang::explain(code).trim_end());
    Ok(())
}
