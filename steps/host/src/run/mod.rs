//! `shell/run@v1`: a script on the host.

mod execute;
mod inputs;
mod results;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use engine_ports::{Action, ActionError, StepContext};
use steps_kit::Manifest;
use vocab::{ActionManifest, ArtifactKind, Inputs, Isolation, Outputs, Type, Value};

/// Runs a script.
pub(crate) struct ShellRun(ActionManifest);

impl ShellRun {
    pub(crate) fn new() -> Self {
        let tree = || Type::Artifact(ArtifactKind::Tree);
        let words = ["sh", "-eu"].map(Value::from);
        Self(
            Manifest::new("shell/run", 1, "Runs a script on the host, for trusted projects.")
                .doc(
                    "The script runs in an empty work folder as the user of the worker, with a cleared environment. \
                     Values reach it as environment variables (`env`), never by substitution into its text; trees \
                     are put into folders of the work folder (`inputs`). It gives values back by writing \
                     `NAME=value` lines, or one JSON object of texts, into the file that `$FACTORY_OUTPUTS` names, \
                     and a tree by filling the folder `output_path`.\n\nExit code 0 is success, 75 a failure that \
                     may pass by itself, anything else a failure. What it does to the host cannot be undone by the \
                     factory, and its results never come from the cache.",
                )
                .required("script", Type::String, "The script.")
                .default("shell", Type::list(Type::String), Value::List(words.into()), "Program and arguments that read the script from a file, which becomes the last argument.")
                .optional("env", Type::map(Type::String), "Environment variables by name.")
                .optional("secrets", Type::map(Type::Secret), "Secrets by the name of the environment variable that holds them.")
                .optional("inputs", Type::map(tree()), "Trees by the name of the folder that they are put into.")
                .optional("output_path", Type::String, "Folder, relative to the work folder, that becomes the output `tree`.")
                .default("mtime", Type::Integer, 946_684_800, "Time of every file of the output tree, in seconds since 1970-01-01T00:00:00Z.")
                .output("values", Type::map(Type::String), "What the script wrote into `$FACTORY_OUTPUTS`.")
                .output("tree", Type::nullable(tree()), "The folder `output_path`; null when none was asked for.")
                .isolation(Isolation::None)
                .never_cached()
                .example(
                    "count:\n  uses: shell/run@v1\n  with:\n    script: |\n      echo \"files=$(find src -type f | wc -l)\" >> \"$FACTORY_OUTPUTS\"\n    inputs:\n      src: ${{ steps.source.outputs.tree }}\n",
                ),
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
