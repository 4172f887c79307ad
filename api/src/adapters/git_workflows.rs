//! Workflows out of Git repositories.

use async_trait::async_trait;
use engine_ports::ActionError;
use steps_source::reading::{Content, Files, RepositoryFile, RepositoryReader, Source};
use tokio_util::sync::CancellationToken;
use vocab::ErrorClass;

use crate::trigger::{
    Found, Opened, ReadError, ReadFault, WORKFLOW_FOLDER, WorkflowFile, WorkflowSource, WorkflowText,
};

const SUFFIXES: &[&str] = &[".yaml", ".yml"];

/// Reads workflows with the real Git.
pub(crate) struct GitWorkflows {
    reader: RepositoryReader,
    /// Fires when reading must end with the process.
    stop: CancellationToken,
}

impl GitWorkflows {
    pub(crate) const fn new(reader: RepositoryReader, stop: CancellationToken) -> Self {
        Self { reader, stop }
    }
}

fn source(repository: &Opened<'_>, git_ref: Option<&str>) -> Source {
    Source {
        key: repository.project.id.to_string(),
        url: repository.project.url.clone(),
        git_ref: git_ref.map(str::to_owned),
        credentials: repository.credentials.clone(),
    }
}

fn workflow(file: RepositoryFile) -> WorkflowFile {
    let text = match file.content {
        Content::Bytes(bytes) => WorkflowText::Bytes(bytes),
        Content::TooLarge(bytes) => WorkflowText::TooLarge(bytes),
        Content::Link => WorkflowText::Link,
    };
    WorkflowFile { path: file.path, text }
}

fn refused(error: ActionError) -> ReadError {
    let fault = match error.class {
        ErrorClass::Transient | ErrorClass::Capacity => ReadFault::Passing,
        _ => ReadFault::Repository,
    };
    let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
    ReadError { message: format!("{}{help}", error.message), fault }
}

fn too_many(found: usize, most: usize) -> ReadError {
    let message = format!(
        "`{WORKFLOW_FOLDER}/` holds {found} workflow files ({}), and at most {most} are read (`limits.workflow_files`): merge or remove some, move what \
         is no workflow elsewhere, or split the repository",
        SUFFIXES.join(", ")
    );
    ReadError { message, fault: ReadFault::Content }
}

#[async_trait]
impl WorkflowSource for GitWorkflows {
    async fn workflows(
        &self,
        repository: &Opened<'_>,
        commit: &str,
        git_ref: Option<&str>,
    ) -> Result<Vec<WorkflowFile>, ReadError> {
        let source = source(repository, git_ref);
        let files = self.reader.read_files(&source, commit, WORKFLOW_FOLDER, SUFFIXES, &self.stop).await;
        match files.map_err(refused)? {
            Files::Read(files) => Ok(files.into_iter().map(workflow).collect()),
            Files::TooMany { found, most } => Err(too_many(found, most)),
        }
    }

    async fn changed(
        &self,
        repository: &Opened<'_>,
        before: &str,
        after: &str,
        git_ref: &str,
    ) -> Result<Option<Vec<String>>, ReadError> {
        let source = source(repository, Some(git_ref));
        self.reader.changed_paths(&source, before, after, &self.stop).await.map_err(refused)
    }

    async fn resolve(&self, repository: &Opened<'_>, git_ref: Option<&str>) -> Result<Found, ReadError> {
        let name = git_ref.unwrap_or("HEAD");
        let is_commit = matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_commit {
            return Ok(Found { commit: name.to_ascii_lowercase(), git_ref: None });
        }
        let commit =
            self.reader.resolve(&source(repository, None), name, &self.stop).await.map_err(refused)?;
        let full = name.starts_with("refs/").then(|| name.to_owned());
        Ok(Found { commit, git_ref: full })
    }
}
