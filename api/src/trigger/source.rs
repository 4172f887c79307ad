//! Reading workflows out of a project's repository.

use async_trait::async_trait;
use engine_ports::Project;

/// A workflow's file at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkflowFile {
    /// Its path in the repository.
    pub(crate) path: String,
    /// Its bytes.
    pub(crate) text: Vec<u8>,
}

/// A ref that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The commit, in full.
    pub(crate) commit: String,
    /// The full name of the ref, where one was meant.
    pub(crate) git_ref: Option<String>,
}

/// Why a repository cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ReadError {
    /// What happened and what to do. Never a credential.
    pub(crate) message: String,
    /// Whether it may pass by itself.
    pub(crate) transient: bool,
}

/// Where workflows come from.
#[async_trait]
pub(crate) trait WorkflowSource: Send + Sync {
    /// The workflows in `.image-factory/` at a commit.
    async fn workflows(
        &self,
        project: &Project,
        commit: &str,
        git_ref: Option<&str>,
    ) -> Result<Vec<WorkflowFile>, ReadError>;

    /// The paths that differ between two commits; `None` where that cannot be told.
    async fn changed(
        &self,
        project: &Project,
        before: &str,
        after: &str,
        git_ref: &str,
    ) -> Result<Option<Vec<String>>, ReadError>;

    /// The commit that a ref (or `HEAD`, when none is given) names; a full commit names itself.
    async fn resolve(&self, project: &Project, git_ref: Option<&str>) -> Result<Found, ReadError>;
}
