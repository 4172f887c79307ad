//! Reading workflows out of a project's repository.

use async_trait::async_trait;
use engine_ports::{Project, RunSource, SecretError, SecretStore, SecretText};

/// Where a repository keeps its workflows.
pub(crate) const WORKFLOW_FOLDER: &str = ".image-factory";

/// A workflow's file at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkflowFile {
    /// Its path in the repository.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: WorkflowText,
}

/// What a workflow's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkflowText {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// More than may be read: how many bytes it has.
    TooLarge(u64),
    /// It is a symbolic link.
    Link,
}

/// A ref that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The commit, in full.
    pub(crate) commit: String,
    /// The full name of the ref, where one was meant.
    pub(crate) git_ref: Option<String>,
}

/// Who can mend it that a repository was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadFault {
    /// Nobody has to: it may pass by itself.
    Passing,
    /// Who looks after the project's address and access.
    Repository,
    /// Who commits to it: what stands in `.image-factory/` is refused as a whole.
    Content,
}

/// Why a repository cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ReadError {
    /// What happened and what to do. Never a credential.
    pub(crate) message: String,
    /// Who can mend it.
    pub(crate) fault: ReadFault,
}

/// A project's repository with what opens it.
pub(crate) struct Opened<'a> {
    /// The project.
    pub(crate) project: &'a Project,
    /// The secret that it names.
    pub(crate) credentials: Option<SecretText>,
}

impl<'a> Opened<'a> {
    /// The repository with the secret that the project names, if it names one.
    pub(crate) async fn new(project: &'a Project, secrets: &dyn SecretStore) -> Result<Self, ReadError> {
        let credentials = match &project.credentials_secret {
            Some(name) => Some(secrets.get(&project.tenant, name).await?),
            None => None,
        };
        Ok(Self { project, credentials })
    }
}

impl From<SecretError> for ReadError {
    fn from(error: SecretError) -> Self {
        Self {
            message: format!(
                "the credentials of the repository cannot be had: {error}; have the operator look into the factory's log"
            ),
            fault: match error {
                SecretError::Unusable { .. } | SecretError::Store(_) => ReadFault::Passing,
                SecretError::Missing(_) => ReadFault::Repository,
            },
        }
    }
}

/// What a run of a project is told of where it comes from.
pub(crate) fn run_source(project: &Project, commit: String, git_ref: Option<String>) -> RunSource {
    RunSource {
        project: project.name.clone(),
        url: project.url.clone(),
        commit,
        git_ref,
        credentials: project.credentials_secret.clone(),
    }
}

/// Where workflows come from.
#[async_trait]
pub(crate) trait WorkflowSource: Send + Sync {
    /// The workflows in `.image-factory/` at a commit.
    async fn workflows(
        &self,
        repository: &Opened<'_>,
        commit: &str,
        git_ref: Option<&str>,
    ) -> Result<Vec<WorkflowFile>, ReadError>;

    /// The paths that differ between two commits; `None` where that cannot be told.
    async fn changed(
        &self,
        repository: &Opened<'_>,
        before: &str,
        after: &str,
        git_ref: &str,
    ) -> Result<Option<Vec<String>>, ReadError>;

    /// The commit that a ref (or `HEAD`, when none is given) names; a full commit names itself.
    async fn resolve(&self, repository: &Opened<'_>, git_ref: Option<&str>) -> Result<Found, ReadError>;
}
