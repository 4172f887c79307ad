//! `POST /api/v1/runs/RUN/retry`: a new run of the same workflow, commit and inputs; of all of it, or of a part.

use std::sync::Arc;

use engine_runtime::Again;
use vocab::RunId;
use warp::Filter as _;
use warp::http::StatusCode;

use super::{BODY, get, run_of};
use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::model::{RetryRun, RunDetail};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route, Shape, Verb};

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/runs/{run}/retry",
    purpose: "Starts a new run of the same workflow, commit and inputs: of all of it, or of a part.",
    more: "The body may be left out; then all of it runs. [More about it](../how-to/rerun-and-compare.md).",
    places: &[RUN],
    body: Some(Shape::of::<RetryRun>()),
    answers: &[Answer::json::<RunDetail>(202, "the new run")],
    problems: &[
        NO_RUN,
        (ProblemKind::NotFound, "`from` names no step of it"),
        (
            ProblemKind::Conflict,
            "the run has not ended, nothing of it failed, or its project may not do that any more",
        ),
        (ProblemKind::Invalid, "`failed` and `from` are both given, or `from` is not the path of a step"),
    ],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "retry")
            .and(signed_in(state))
            .and(filters::json_or_nothing(BODY))
            .then(|run, state: Arc<Factory>, caller: Caller, body: RetryRun| async move {
                settle(retry(&state, &caller, run, body).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn retry(factory: &Factory, caller: &Caller, run: RunId, body: RetryRun) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    if !row.status.is_terminal() {
        let text = format!("run {run} has not ended: {}", row.status);
        return Err(Problem::new(ProblemKind::Conflict, text).help("cancel it first, or wait"));
    }
    let again = again(body)?;
    factory.accepts_work()?;
    let fresh = factory.retry(&row, &caller.user, again.as_ref()).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &get::detail(factory, caller, fresh).await?))
}

/// What of it runs again; all of it where nothing is said.
fn again(body: RetryRun) -> Result<Option<Again>, Problem> {
    let invalid = |text: String| Problem::new(ProblemKind::Invalid, text);
    match (body.failed, body.from) {
        (true, Some(_)) => Err(invalid("give `failed` or `from`, not both".to_owned())
            .help("`from` runs what else did not succeed too")),
        (true, None) => Ok(Some(Again::Failed)),
        (false, Some(text)) => {
            let path = text.parse().map_err(|_| invalid(format!("`{text}` is not the path of a step")))?;
            Ok(Some(Again::From(path)))
        }
        (false, None) => Ok(None),
    }
}
