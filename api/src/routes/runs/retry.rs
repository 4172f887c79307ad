//! `POST /api/v1/runs/RUN/retry`: a new run of the same workflow, commit and inputs; of all of it, or of a part.

use engine_runtime::Again;
use vocab::RunId;
use warp::http::StatusCode;

use super::{get, run_of};
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::RetryRun;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};

pub(super) async fn retry(
    factory: &Factory,
    caller: &Caller,
    run: RunId,
    body: RetryRun,
) -> Result<Body, Problem> {
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
