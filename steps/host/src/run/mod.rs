//! `shell/run@v1`: a script on the host.

mod execute;
mod inputs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use async_trait::async_trait;
use engine_ports::{Action, ActionError, StepContext};
use steps_kit::Manifest;
use vocab::{ActionManifest, ArtifactKind, Inputs, Isolation, Outputs, Type, Value};

const DOC: &str = "\
Runs a script in an empty work folder as the user of the worker, with a cleared environment. Values reach it in `env`
and `secrets`, never by substitution into its text; trees are folders of the work folder, by `mounts`. It gives results
by writing lines `name=value` to the file `$FACTORY_OUTPUTS`; a value of several lines is `name<<WORD`, the lines, and
`WORD` alone; a JSON object of texts will do as well. The folder `collect` becomes the output `tree`.

Exit code 0 is success, 75 a failure that may pass by itself, any other a failure. What it does to the host cannot be
undone by the factory, and its results never come from the cache.";

const EXAMPLE: &str = r#"count:
  uses: shell/run@v1
  with:
    mounts:
      src: ${{ steps.source.outputs.tree }}
    script: |
      echo "files=$(find src -type f | wc -l)" >> "$FACTORY_OUTPUTS"
"#;

/// Runs a script.
pub(crate) struct ShellRun(ActionManifest);

impl ShellRun {
    pub(crate) fn new() -> Self {
        let tree = || Type::Artifact(ArtifactKind::Tree);
        let none = || Value::Map(BTreeMap::new());
        let shell = Value::List(["sh", "-eu"].map(Value::from).into());
        Self(
            Manifest::new("shell/run", 1, "Runs a script on the host, for trusted projects.")
                .doc(DOC)
                .required("script", Type::String, "Script for the shell.")
                .default(
                    "shell",
                    Type::list(Type::String),
                    shell,
                    "Program and arguments that read the script; its file is the last one.",
                )
                .default("env", Type::map(Type::String), none(), "Environment variables by name.")
                .default(
                    "secrets",
                    Type::map(Type::Secret),
                    none(),
                    "Secrets by the name of the variable that holds them.",
                )
                .default(
                    "mounts",
                    Type::map(tree()),
                    none(),
                    "Trees by the name of their folder in the work folder.",
                )
                .optional(
                    "collect",
                    Type::String,
                    "Folder, relative to the work folder, that becomes the output `tree`.",
                )
                .default(
                    "timestamp",
                    Type::Integer,
                    946_684_800,
                    "Time of every file of `tree`, in seconds since 1970.",
                )
                .output("outputs", Type::map(Type::String), "What was written to `$FACTORY_OUTPUTS`.")
                .output("tree", tree(), "The folder `collect`; an empty tree when none was asked for.")
                .isolation(Isolation::None)
                .never_cached()
                .example(EXAMPLE),
        )
    }
}

#[async_trait]
impl Action for ShellRun {
    fn manifest(&self) -> &ActionManifest {
        &self.0
    }

    async fn execute(&self, ctx: &StepContext, inputs: Inputs) -> Result<Outputs, ActionError> {
        execute::execute(ctx, &self.0, inputs::read(inputs)?).await
    }
}
