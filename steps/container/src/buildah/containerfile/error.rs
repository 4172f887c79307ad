//! What can be wrong with a Containerfile.

use crate::buildah::reference::NameError;

/// Why a Containerfile is not built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContainerfileError {
    #[error("line {line}: `{name}` {reason}")]
    Name { line: usize, name: String, reason: NameError },
    #[error("line {line}: the variable `{variable}` in `{text}` has no value")]
    NoValue { line: usize, variable: String, text: String },
    #[error("line {line}: `{text}` cannot be read")]
    Syntax { line: usize, text: String },
    #[error("line {line}: `{word}` is no instruction that is known here")]
    Instruction { line: usize, word: String },
    #[error("line {line}: `{flag}` may not stand after {keyword}")]
    Flag { line: usize, keyword: &'static str, flag: String },
    #[error("line {line}: `{flag}` may hold letters, digits and `_./:@,=+-` only")]
    FlagText { line: usize, flag: String },
    #[error("line {line}: `{flag}` is not supported: nothing can be mounted for a RUN")]
    Mount { line: usize, flag: String },
    #[error("line {line}: `{text}` begins a here-document, which is not supported")]
    HereDocument { line: usize, text: String },
    #[error("line {line}: the directive `escape` is not supported")]
    Escape { line: usize },
    #[error("line {line}: the instruction is too long")]
    Long { line: usize },
    #[error("it has no FROM")]
    NoFrom,
}

impl ContainerfileError {
    pub(super) fn syntax(line: usize, text: &str) -> Self {
        Self::Syntax { line, text: short(text) }
    }

    /// What to do about it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Name { .. } | Self::NoValue { .. } => {
                "give `base`, `base_image` or `images` and use their `ARG`, or name an image of an allowed registry"
            }
            Self::Syntax { .. } | Self::Instruction { .. } | Self::NoFrom => {
                "write it as the reference of Containerfiles has it; a `\\` at the end of a line needs a next line"
            }
            Self::Flag { .. } => {
                "COPY takes --from, --chown and --chmod; ADD --chown and --chmod; FROM --platform; HEALTHCHECK its times"
            }
            Self::FlagText { .. } => {
                "write the value out, without quotes, `\\` and variables; for an image behind a variable, write \
                 `FROM ${NAME} AS stage` and `--from=stage`"
            }
            Self::Mount { .. } => {
                "COPY what it reads, with `--from=stage` from another stage; write caches below /tmp and remove them in \
                 the same RUN; what needs a secret belongs into a `container/run`"
            }
            Self::HereDocument { .. } => {
                "put the text into a file of the context and COPY it, or join the commands with `&& \\`"
            }
            Self::Escape { .. } => "remove the directive, and continue lines with `\\`",
            Self::Long { .. } => "put the commands into a script of the context, and COPY and RUN that",
        }
    }
}

/// The beginning of a text, fit for a message.
pub(super) fn short(text: &str) -> String {
    text.chars().take(120).collect()
}
