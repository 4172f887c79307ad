//! A person starts a project's workflow.

use engine_ports::{Project, RunSource};

use super::source::{Found, Opened, ReadError, ReadFault, WORKFLOW_FOLDER, run_source};
use crate::factory::Factory;
use crate::problem::{Problem, ProblemKind};

/// A workflow that was asked for, and where it comes from.
pub(crate) struct Chosen {
    /// The workflow, compiled with the project's trust.
    pub(crate) workflow: lang::Workflow,
    /// The commit it was read at.
    pub(crate) source: RunSource,
}

/// Finds the workflow of that name or file at a ref or commit.
pub(crate) async fn find(
    factory: &Factory,
    project: &Project,
    workflow: Option<&str>,
    git_ref: Option<&str>,
) -> Result<Chosen, Problem> {
    let unreadable = |error: ReadError| {
        let refused = error.fault == ReadFault::Content;
        Problem::new(if refused { ProblemKind::Invalid } else { ProblemKind::BadGateway }, error.message)
    };
    let opened = Opened::new(project, factory.engine.secrets()).await.map_err(unreadable)?;
    let Found { commit, git_ref } = factory.source.resolve(&opened, git_ref).await.map_err(unreadable)?;
    let files = factory.source.workflows(&opened, &commit, git_ref.as_deref()).await.map_err(unreadable)?;
    let mut names = Vec::new();
    let mut broken = Vec::new();
    let mut others = Vec::new();
    let mut found = Vec::new();
    for file in files {
        let compilation = factory.compile_file(&file, project.trust_host);
        let by_file =
            workflow.is_some_and(|wanted| file.path == wanted || file.path.ends_with(&format!("/{wanted}")));
        match compilation.workflow {
            Some(compiled) => {
                names.push(compiled.name.to_string());
                if by_file || workflow.is_none_or(|wanted| compiled.name.as_str() == wanted) {
                    found.push(compiled);
                }
            }
            // One that does not compile has no name: it is meant when its file is, or when it is the only one.
            None if by_file || workflow.is_none() => broken.extend(compilation.diagnostics),
            None => others.extend(compilation.diagnostics),
        }
    }
    let listed = names.join(", ");
    let workflow = match (found.pop(), found.len()) {
        (Some(only), 0) => only,
        (Some(_), _) => {
            let text = format!("commit {commit} has several workflows: {listed}; name one");
            return Err(Problem::new(ProblemKind::Invalid, text));
        }
        (None, _) if !broken.is_empty() => return Err(Problem::does_not_compile(&broken)),
        // It may be in a file that does not compile, so that its name is not known.
        (None, _) if !others.is_empty() => {
            let has = if listed.is_empty() { "none".to_owned() } else { listed };
            let text = format!(
                "commit {commit} has no workflow of that name that compiles; it has: {has}. These files do not compile"
            );
            return Err(Problem::does_not_compile(&others).saying(text));
        }
        (None, _) if names.is_empty() => {
            let text = format!("commit {commit} has no workflow in `{WORKFLOW_FOLDER}/`");
            return Err(Problem::new(ProblemKind::Invalid, text));
        }
        (None, _) => {
            let text = format!("commit {commit} has no such workflow; it has: {listed}");
            return Err(Problem::new(ProblemKind::Invalid, text));
        }
    };
    if !workflow.triggers.manual {
        let text = format!("the workflow `{}` has no `on.manual`", workflow.name);
        return Err(Problem::new(ProblemKind::Invalid, text).help("add `manual: {}` under `on`"));
    }
    Ok(Chosen { workflow, source: run_source(project, commit, git_ref) })
}
