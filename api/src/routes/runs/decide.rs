//! `POST /api/v1/runs/RUN/decisions`: what a person decided about a run or a paused step of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_runtime::{Decided, Decision};
use serde_json::Value as Json;
use vocab::{ArtifactRef, Outputs, RunId, StepPath, Value};
use warp::Filter as _;
use warp::http::StatusCode;

use super::{BODY, get, run_of};
use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::model::{DecideRun, DecisionWord, RunDetail};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route, Shape, Verb};

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/runs/{run}/decisions",
    purpose: "Says what a person decided about a run, or about a paused step of it.",
    more: "[When to decide what](../how-to/paused-runs.md).",
    places: &[RUN],
    body: Some(Shape::of::<DecideRun>()),
    answers: &[Answer::json::<RunDetail>(202, "the run; the decision is durable")],
    problems: &[
        NO_RUN,
        (ProblemKind::NotFound, "`step` names no step of it"),
        (ProblemKind::Conflict, "the run or the step is not in a state in which this can be decided"),
        (ProblemKind::Invalid, "the reason or the step is missing, or the outputs do not fit"),
    ],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "decisions")
            .and(signed_in(state))
            .and(filters::json(BODY))
            .then(|run, state: Arc<Factory>, caller: Caller, body: DecideRun| async move {
                settle(decide(&state, &caller, run, body).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

/// Characters of a reason that are kept.
const REASON: usize = 500;

async fn decide(factory: &Factory, caller: &Caller, run: RunId, body: DecideRun) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    let reason: String = body.reason.chars().filter(|c| !c.is_control()).take(REASON).collect();
    if reason.trim().is_empty() {
        return Err(Problem::new(
            ProblemKind::Invalid,
            "a decision needs a `reason`: it is kept in the run's history",
        ));
    }
    let step = || {
        let text = body.step.as_deref().ok_or_else(|| {
            Problem::new(ProblemKind::Invalid, "this decision is about a paused step: name it in `step`")
        })?;
        let invalid = |_| Problem::new(ProblemKind::Invalid, format!("`{text}` is not the path of a step"));
        text.parse::<StepPath>().map_err(invalid)
    };
    let decision = match body.decision {
        DecisionWord::Pause => Decision::Pause,
        DecisionWord::Resume => Decision::Resume,
        DecisionWord::Retry => Decision::RetryStep(step()?),
        DecisionWord::Skip => Decision::SkipStep(step()?),
        DecisionWord::GiveUp => Decision::GiveUpStep(step()?),
        DecisionWord::Bypass => {
            let known = artifacts(factory, run).await?;
            Decision::BypassStep(step()?, outputs(body.outputs, &known)?)
        }
    };
    let decided = Decided { by: caller.user.clone(), reason };
    factory.decide(&row, decision, decided).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &get::detail(factory, caller, run).await?))
}

/// The artifacts that the run has: those that a person may name.
async fn artifacts(factory: &Factory, run: RunId) -> Result<Vec<ArtifactRef>, Problem> {
    let steps = factory.runs.steps(run).await?;
    let values = steps.iter().flat_map(|step| step.outputs.values());
    Ok(values.flat_map(Value::artifacts).cloned().collect())
}

/// Reads supplied outputs. An artifact must be one of the run's own: a digest alone would open what others have.
fn outputs(given: BTreeMap<String, Json>, known: &[ArtifactRef]) -> Result<Outputs, Problem> {
    let invalid = |name: &str, problem: &str| {
        let text = format!("the output `{name}` cannot be taken: {problem}");
        Problem::new(ProblemKind::Invalid, text)
    };
    let read = |(name, json): (String, Json)| {
        let value = match serde_json::from_value::<Value>(json.clone()) {
            // What names no artifact is read as plain JSON: a secret cannot be named.
            Ok(value) if !value.artifacts().is_empty() => {
                if let Some(strange) = value.artifacts().into_iter().find(|one| !known.contains(one)) {
                    let problem = format!("no step of this run made {}", strange.digest);
                    return Err(invalid(&name, &problem));
                }
                value
            }
            Err(error) if json.get("$artifact").is_some() => {
                let form = "an artifact is written as in `runs show --output json`";
                return Err(invalid(&name, &format!("{error}; {form}")));
            }
            _ => Value::from_plain_json(json).map_err(|error| invalid(&name, &error.to_string()))?,
        };
        Ok((name, value))
    };
    given.into_iter().map(read).collect()
}
