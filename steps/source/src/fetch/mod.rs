//! `git/fetch@v1`: a repository at one commit, as a tree.

mod execute;
mod inputs;

use async_trait::async_trait;
use engine_ports::{Action, ActionError, Fingerprint, StepContext};
use steps_kit::Manifest;
use vocab::{ActionManifest, ArtifactKind, Inputs, Isolation, Outputs, Type};

/// Fetches one commit.
pub(crate) struct GitFetch(ActionManifest);

/// Modification time of every file: 2000-01-01T00:00:00Z. Not the commit's time, so that a tree keeps its digest
/// over commits that do not change it; not 1970, which some archives cannot write.
const TIMESTAMP: i64 = 946_684_800;

impl GitFetch {
    pub(crate) fn new() -> Self {
        Self(
            Manifest::new("git/fetch", 1, "Fetches a Git repository at one commit as a tree.")
                .doc(
                    "Takes the files of one commit exactly as they were committed: no filters, no line-end \
                     conversion, no hooks, no submodules (they are empty folders), symbolic links kept. All files \
                     belong to root and have the same time, so the same files give the same tree whatever the \
                     commit.\n\nWith no input it takes the commit that started the run. URLs are https, ssh or \
                     `file` below the operator's roots; the operator's mirrors apply. A private key is tried only \
                     over ssh, a token only over https; neither appears in logs or arguments. Keys of ssh hosts are \
                     checked against the operator's `steps.git_known_hosts`, else the worker's \
                     `/etc/ssh/ssh_known_hosts`; a host that is not there is refused. Redirects are not followed, and \
                     loopback, link-local and cloud metadata addresses are refused unless the operator lists the \
                     host in `steps.git_local_hosts`.",
                )
                .optional("url", Type::String, "The repository; the run's own when left out.")
                .optional("ref", Type::String, "Branch, tag or full ref to take; `HEAD` of another repository when left out.")
                .optional("commit", Type::String, "Full id of the commit to take, instead of where a ref points.")
                .default("path", Type::String, "", "Folder of the repository that becomes the tree; all of it when empty.")
                .optional("credentials", Type::Secret, "A token (or `user:token`) for https, a private key for ssh; the project's own for its own repository when left out.")
                .default("timestamp", Type::Integer, TIMESTAMP, "Time of every file, in seconds since 1970-01-01T00:00:00Z.")
                .output("tree", Type::Artifact(ArtifactKind::Tree), "The files.")
                .output("commit", Type::String, "Full id of the commit.")
                .output("committed_at", Type::Integer, "When it was committed, in seconds since 1970-01-01T00:00:00Z.")
                .isolation(Isolation::Tool)
                .tool("git", "git")
                .example("source:\n  uses: git/fetch@v1\n  with:\n    path: images/debian\n"),
        )
    }
}

#[async_trait]
impl Action for GitFetch {
    fn manifest(&self) -> &ActionManifest {
        &self.0
    }

    async fn fingerprint(&self, ctx: &StepContext, inputs: &Inputs) -> Result<Fingerprint, ActionError> {
        execute::fingerprint(ctx, &self.0, inputs::read(ctx, inputs.clone())?).await
    }

    async fn execute(&self, ctx: &StepContext, inputs: Inputs) -> Result<Outputs, ActionError> {
        execute::execute(ctx, &self.0, inputs::read(ctx, inputs)?).await
    }
}
