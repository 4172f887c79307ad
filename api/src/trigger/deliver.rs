//! A delivery that is durable becomes runs: once, however often it is worked off.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{DeliveryOutcome, NewDelivery, Project, StoreError};
use serde_json::Value as Json;
use vocab::{Inputs, Name};
use warp::http::StatusCode;

use super::source::{Opened, ReadError, ReadFault, WORKFLOW_FOLDER, WorkflowFile, run_source};
use super::{Claim, Push};
use crate::factory::{Factory, NewStart};
use crate::model::{Dropped, Refused, Skipped, Started, TriggerAnswer};
use crate::problem::{Problem, ProblemKind};

/// Tries to read the repository, and the pause before the second; it doubles.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// How long a repository that cannot be reached is asked again, from the arrival of the push.
const OUTAGE: Duration = Duration::from_secs(6 * 3600);

/// How a delivery ended.
pub(crate) enum Concluded {
    /// With an answer.
    Answered {
        /// Its status.
        status: StatusCode,
        /// The answer.
        answer: Json,
    },
    /// With a fault that no other try by itself mends.
    Failed(Problem),
    /// Not yet: the repository cannot be reached, and another try follows by itself.
    Later(Problem),
}

/// Where to look what became of a delivery.
pub(crate) fn delivery_url(base: &str, project: &Name, delivery: &str) -> String {
    format!("{base}/api/v1/projects/{project}/deliveries/{delivery}")
}

/// Starts the runs that a delivery asks for, and writes down what came of it. On an error it stays pending.
pub(crate) async fn work_off(
    factory: Arc<Factory>,
    delivery: NewDelivery,
    // Held to the end: nobody else works on it meanwhile.
    _claim: Claim,
) -> Result<Concluded, Problem> {
    // Few at once: each reads a repository.
    let _slot = factory.delivery_slots.take(delivery.project).await;
    let id = delivery.delivery.as_str();
    let named = |problem: Problem| problem.with("delivery", id);
    let project = factory.projects.by_id(delivery.project).await.map_err(Problem::from).map_err(named)?;
    let project = project.ok_or_else(|| named(Problem::missing("project for this delivery")))?;
    let concluded = match conclude(&factory, &project, &delivery).await {
        Ok(answer) => Concluded::Answered { status: status(&answer), answer: json(answer).map_err(named)? },
        // The store is gone or full: the delivery stays pending and is continued in a while.
        Err(Failed::Store(problem)) => return Err(named(problem)),
        Err(Failed::Later(problem)) => return Ok(Concluded::Later(named(problem))),
        Err(Failed::ForGood(problem)) => Concluded::Failed(named(problem)),
    };
    let (status, answer, result) = match &concluded {
        Concluded::Answered { status, answer } => (*status, answer.clone(), "done"),
        // No request stands behind what is looked up later, so none is named.
        Concluded::Failed(problem) | Concluded::Later(problem) => {
            (problem.kind.status(), problem.to_json(None), "failed")
        }
    };
    let outcome = DeliveryOutcome::Done { answer, status: status.as_u16() };
    let written = factory.projects.conclude(project.id, id, outcome).await;
    written.map_err(Problem::from).map_err(named)?;
    metrics::counter!("image_factory_webhook_deliveries_total", "result" => result).increment(1);
    Ok(concluded)
}

fn json(answer: TriggerAnswer) -> Result<Json, Problem> {
    serde_json::to_value(answer).map_err(|error| Problem::internal(&error.to_string()))
}

async fn conclude(
    factory: &Factory,
    project: &Project,
    delivery: &NewDelivery,
) -> Result<TriggerAnswer, Failed> {
    let push: Push = serde_json::from_value(delivery.payload.clone()).map_err(|error| {
        Failed::ForGood(Problem::internal(&format!("a delivery cannot be read back: {error}")))
    })?;
    act(factory, project, &push, delivery).await
}

/// 202 where a run started, whatever else was refused; 422 where something was refused and nothing started; 200
/// where nothing was asked.
fn status(answer: &TriggerAnswer) -> StatusCode {
    if !answer.runs.is_empty() {
        StatusCode::ACCEPTED
    } else if answer.refused.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

enum Failed {
    /// Ours; it may work in a moment.
    Store(Problem),
    /// The repository's, and it may pass: the delivery stays pending.
    Later(Problem),
    /// The repository's, or the delivery's: only another delivery may mend it.
    ForGood(Problem),
}

impl Failed {
    /// The repository cannot be read for a delivery that came `age` ago.
    fn outside(error: ReadError, age: Duration) -> Self {
        let problem = Problem::new(ProblemKind::BadGateway, error.message);
        if error.fault == ReadFault::Passing && age < OUTAGE {
            return Self::Later(problem.help("the factory tries again by itself"));
        }
        Self::ForGood(problem.help("mend the repository's address or access, and redeliver"))
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Store(problem)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

async fn act(
    factory: &Factory,
    project: &Project,
    push: &Push,
    delivery: &NewDelivery,
) -> Result<TriggerAnswer, Failed> {
    let mut answer = TriggerAnswer::default();
    let Some(commit) = &push.commit else {
        answer.message = Some(format!("`{}` was deleted: nothing to run", push.git_ref));
        return Ok(answer);
    };
    let age = factory.clock.now().since(delivery.at);
    let files = match read(factory, project, commit, &push.git_ref).await {
        Ok(files) => files,
        // Whoever pushed can mend it, not whoever looks after the project's address.
        Err(ReadError { fault: ReadFault::Content, message }) => {
            let file = format!("{WORKFLOW_FOLDER}/");
            answer.refused.push(Refused { file, diagnostics: Vec::new(), reason: Some(message) });
            return Ok(answer);
        }
        Err(error) => return Err(Failed::outside(error, age)),
    };
    // Asked once, and only when a workflow wants to know.
    let mut changed = Changed::Unasked;
    if files.is_empty() {
        answer.message = Some(format!("commit {commit} has no workflow in `.image-factory/`"));
    }
    for file in files {
        let compilation = factory.compile_file(&file, project.trust_host);
        let Some(workflow) = compilation.workflow else {
            let diagnostics = compilation.diagnostics.iter().map(lang::Diagnostic::to_json).collect();
            answer.refused.push(Refused { file: file.path, diagnostics, reason: None });
            continue;
        };
        let wants_paths = workflow.triggers.push.as_ref().is_some_and(|push| push.paths.is_some());
        if wants_paths && matches!(changed, Changed::Unasked) {
            changed = Changed::Asked(changed_paths(factory, project, push, commit).await);
        }
        if let Some(reason) = not_concerned(&workflow, push, changed.paths()) {
            answer.skipped.push(Skipped { file: file.path, reason });
            continue;
        }
        let source = run_source(project, commit.clone(), Some(push.git_ref.clone()));
        let name = workflow.name.to_string();
        let start = NewStart::push(workflow, &push.actor)
            .of_project(project, source)
            .asked_by_delivery(format!("{}/{}", project.id, delivery.delivery), &file.path);
        match factory.start(start).await {
            Ok(run) => answer.runs.push(Started {
                run,
                workflow: name,
                file: file.path,
                url: format!("{}/api/v1/runs/{run}", factory.base()),
            }),
            Err(problem) if problem.kind == ProblemKind::GroupFull => {
                answer.dropped.push(Dropped { file: file.path, workflow: name, reason: problem.detail });
            }
            // A workflow that cannot start must not keep the others from it.
            Err(problem) if problem.kind == ProblemKind::Invalid => answer.refused.push(Refused {
                file: file.path,
                diagnostics: Vec::new(),
                reason: Some(problem.detail),
            }),
            Err(problem) => return Err(problem.into()),
        }
    }
    Ok(answer)
}

/// The paths that a push changed.
enum Changed {
    Unasked,
    /// `None`: unknown, and then filters on paths let the push pass.
    Asked(Option<Vec<String>>),
}

impl Changed {
    fn paths(&self) -> Option<&[String]> {
        match self {
            Self::Unasked => None,
            Self::Asked(paths) => paths.as_deref(),
        }
    }
}

async fn changed_paths(
    factory: &Factory,
    project: &Project,
    push: &Push,
    commit: &str,
) -> Option<Vec<String>> {
    let before = push.before.as_deref()?;
    let changed = async {
        let opened = Opened::new(project, factory.engine.secrets()).await?;
        factory.source.changed(&opened, before, commit, &push.git_ref).await
    };
    match changed.await {
        Ok(paths) => paths,
        Err(error) => {
            tracing::warn!(project = %project.name, %error, "what a push changed is not known; it counts as everything");
            None
        }
    }
}

/// Why the push does not start the workflow, if it does not.
fn not_concerned(workflow: &lang::Workflow, push: &Push, changed: Option<&[String]>) -> Option<String> {
    let triggers = &workflow.triggers;
    if triggers.matches_push(&push.git_ref, changed) {
        return None;
    }
    Some(if triggers.push.is_none() {
        "it has no `on.push`".to_owned()
    } else if triggers.matches_push(&push.git_ref, None) {
        "none of the changed files matches its `paths`".to_owned()
    } else {
        format!("`{}` matches none of its `branches` or `tags`", push.git_ref)
    })
}

/// Reads the workflows, with a few tries where the fault may pass.
async fn read(
    factory: &Factory,
    project: &Project,
    commit: &str,
    git_ref: &str,
) -> Result<Vec<WorkflowFile>, ReadError> {
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        let read = async {
            let opened = Opened::new(project, factory.engine.secrets()).await?;
            factory.source.workflows(&opened, commit, Some(git_ref)).await
        };
        match read.await {
            Err(ReadError { fault: ReadFault::Passing, message }) if attempt < TRIES => {
                tracing::warn!(project = %project.name, message, "the repository cannot be read; another try follows");
                tokio::time::sleep(pause).await;
                pause *= 2;
                attempt += 1;
            }
            read => return read,
        }
    }
}

impl NewStart {
    /// A start by a push: no inputs, defaults hold.
    fn push(workflow: lang::Workflow, actor: &str) -> Self {
        Self::new(workflow, Inputs::new(), "push", actor)
    }
}

#[cfg(test)]
mod tests {
    use vocab::{RunId, SeededIds};

    use super::*;

    #[test]
    fn a_repository_that_is_away_for_a_while_loses_no_push() {
        let away = |fault| ReadError { message: "no route to host".to_owned(), fault };
        assert!(matches!(Failed::outside(away(ReadFault::Passing), Duration::ZERO), Failed::Later(_)));
        assert!(matches!(Failed::outside(away(ReadFault::Passing), OUTAGE), Failed::ForGood(_)));
        assert!(matches!(Failed::outside(away(ReadFault::Repository), Duration::ZERO), Failed::ForGood(_)));
    }

    #[test]
    fn what_started_counts_before_what_was_refused() {
        let run = Started {
            run: RunId::generate(&SeededIds::default()),
            workflow: String::new(),
            file: String::new(),
            url: String::new(),
        };
        let refused = Refused { file: String::new(), diagnostics: Vec::new(), reason: None };
        let of = |runs: &[Started], refused: &[Refused]| {
            status(&TriggerAnswer { runs: runs.to_vec(), refused: refused.to_vec(), ..Default::default() })
        };
        assert_eq!(of(&[], &[]), 200);
        assert_eq!(of(&[], std::slice::from_ref(&refused)), 422);
        assert_eq!(of(std::slice::from_ref(&run), &[]), 202);
        assert_eq!(of(&[run], &[refused]), 202);
    }
}
