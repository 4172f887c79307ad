//! Starting, cancelling and retrying runs.

use engine_ports::{Project, RunRow, RunSource, StoreError};
use engine_runtime::{
    Again, AskError, Decided, Decision, DecisionRefused, Standing, Submission, SubmitError, TakeOverRefused,
};
use lang::Workflow;
use serde::Deserialize as _;
use serde_json::json;
use vocab::{Inputs, RunId, TenantName};

use super::Factory;
use crate::problem::{Problem, ProblemKind};
use crate::trigger::run_source;

/// A run that somebody or something wants.
pub(crate) struct NewStart(Submission);

impl NewStart {
    /// A run of `workflow`, started by `actor`; `kind` is `push` or `manual`. Of the default tenant, without a
    /// project and without trust, until more is said.
    pub(crate) fn new(workflow: Workflow, inputs: Inputs, kind: &str, actor: &str) -> Self {
        Self(Submission {
            tenant: TenantName::default_tenant(),
            project: None,
            workflow,
            workflows: Vec::new(),
            inputs,
            trigger: json!({ "kind": kind, "actor": actor }),
            source: None,
            trust_host: false,
            cache_scope: None,
            origin: None,
        })
    }

    /// A start by a person.
    pub(crate) fn manual(workflow: Workflow, inputs: Inputs, actor: &str) -> Self {
        Self::new(workflow, inputs, "manual", actor)
    }

    /// In a tenant, without a project.
    pub(crate) fn of_tenant(mut self, tenant: &TenantName) -> Self {
        self.0.tenant = tenant.clone();
        self
    }

    /// Of a project at a commit: its tenant and its trust hold.
    pub(crate) fn of_project(self, project: &Project, source: RunSource) -> Self {
        let mut start = self.of_tenant(&project.tenant).of_source(source, project.trust_host);
        start.0.project = Some(project.id);
        start.0.trigger["project"] = json!(project.name);
        start
    }

    /// At a commit, with or without trust.
    pub(crate) fn of_source(mut self, source: RunSource, trust_host: bool) -> Self {
        self.0.trigger["commit"] = json!(source.commit);
        self.0.trigger["ref"] = json!(source.git_ref);
        self.0.source = Some(source);
        self.0.trust_host = trust_host;
        self
    }

    /// Trusted with the host.
    pub(crate) fn trusted(mut self, trust_host: bool) -> Self {
        self.0.trust_host = trust_host;
        self
    }

    /// Asked for by a delivery: the same delivery and file never start a second run.
    pub(crate) fn asked_by_delivery(mut self, delivery: String, file: &str) -> Self {
        self.0.origin = Some((delivery, file.to_owned()));
        self
    }
}

impl Factory {
    /// Starts a run; durable when this returns.
    pub(crate) async fn start(&self, start: NewStart) -> Result<RunId, Problem> {
        self.engine.submit(start.0).await.map_err(Problem::from)
    }

    /// Cancels a run; durable when this returns.
    pub(crate) async fn cancel(&self, row: &RunRow, by: &str, reason: Option<String>) -> Result<(), Problem> {
        self.engine.cancel(&row.tenant, row.id, by, reason).await.map_err(Problem::from)
    }

    /// Takes what a person decided; durable when this returns.
    pub(crate) async fn decide(
        &self,
        row: &RunRow,
        decision: Decision,
        decided: Decided,
    ) -> Result<(), Problem> {
        self.engine.decide(&row.tenant, row.id, decision, decided).await.map_err(Problem::from)
    }

    /// Tries once more to undo the stuck effects of a run; how many there are.
    pub(crate) async fn retry_undo(&self, row: &RunRow, by: &str) -> Result<usize, Problem> {
        self.engine.retry_undo(&row.tenant, row.id, by).await.map_err(Problem::from)
    }

    /// Starts the same again, as a new run, with what the operator lets its project do now: all of it, or what `again`
    /// says.
    pub(crate) async fn retry(
        &self,
        row: &RunRow,
        by: &str,
        again: Option<&Again>,
    ) -> Result<RunId, Problem> {
        let project = match row.project {
            Some(id) => self.projects.by_id(id).await?.filter(|project| project.tenant == row.tenant),
            None => None,
        };
        let now = standing(row, project.as_ref());
        self.engine.retry(&row.tenant, row.id, by, again, now).await.map_err(Problem::from)
    }
}

/// What holds for a run of `project` at the commit of `row`. A run without a project, or whose project is gone, has
/// nobody who vouches for it: no trust, and no credentials.
fn standing(row: &RunRow, project: Option<&Project>) -> Standing {
    let source = RunSource::deserialize(&row.trigger["source"]).ok();
    match project {
        Some(project) => Standing {
            source: source.map(|source| run_source(project, source.commit, source.git_ref)),
            trust_host: project.trust_host,
        },
        None => Standing {
            source: source.map(|source| RunSource { credentials: None, ..source }),
            trust_host: false,
        },
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        let text = error.to_string();
        match error {
            SubmitError::Inputs(errors) => Self::new(ProblemKind::Invalid, text)
                .with("inputs", errors.iter().map(ToString::to_string).collect::<Vec<_>>()),
            SubmitError::Plan(_) | SubmitError::TooLarge { .. } | SubmitError::Group(_) => {
                Self::new(ProblemKind::Invalid, text)
            }
            SubmitError::GroupFull { group, behind } => Self::new(ProblemKind::GroupFull, text)
                .with("group", group)
                .with("behind", behind.to_string())
                .help("start it when that run is over, or let the workflow say `on_new: queue`"),
            SubmitError::Untrusted(_) => Self::new(ProblemKind::Conflict, text),
            SubmitError::Closing => Self::new(ProblemKind::Unavailable, text).retry_after(30),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let text = error.to_string();
        match error {
            AskError::Missing(_) => Self::new(ProblemKind::NotFound, text),
            AskError::TooLate(_) => Self::new(ProblemKind::Conflict, text),
            AskError::Refused(DecisionRefused::NoStep(_)) => Self::new(ProblemKind::NotFound, text),
            AskError::Refused(DecisionRefused::Outputs { help, .. }) => {
                let problem = Self::new(ProblemKind::Invalid, text);
                match help {
                    Some(help) => problem.help(help),
                    None => problem,
                }
            }
            AskError::TakeOver(TakeOverRefused::NoStep { .. } | TakeOverRefused::NoInstance { .. }) => {
                Self::new(ProblemKind::NotFound, text).help("`image-factory runs show RUN` lists the steps")
            }
            AskError::TakeOver(TakeOverRefused::NothingFailed) => Self::new(ProblemKind::Conflict, text)
                .help("`image-factory runs retry RUN --from STEP` runs it and what depends on it"),
            AskError::TakeOver(TakeOverRefused::NotEnded(_)) => Self::new(ProblemKind::Conflict, text),
            AskError::Artifacts(_) => Self::new(ProblemKind::Unavailable, text).retry_after(60),
            AskError::NotAwaited(_) => Self::new(ProblemKind::Conflict, text),
            AskError::Refused(_) => Self::new(ProblemKind::Conflict, text),
            AskError::Elsewhere(_) => Self::new(ProblemKind::Unavailable, text).retry_after(10),
            AskError::Closing => Self::new(ProblemKind::Unavailable, text).retry_after(30),
            AskError::Submit(error) => error.into(),
            AskError::Store(StoreError::Missing(_)) => Self::new(ProblemKind::NotFound, text),
            AskError::Store(error) => error.into(),
        }
    }
}
