//! `GET /api/v1/runs/RUN/logs?step=PATH&attempt=N&follow=true`: the lines of an attempt as plain text.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine_runtime::LogName;
use futures::StreamExt as _;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use vocab::{RunId, StepPath};
use warp::Filter as _;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route, Schemas};

const LOG: &str = "\
2026-05-04T09:30:01.120Z cache: miss, nothing under 1dc4c21487ae
2026-05-04T09:30:01.122Z fetching commit 5f0c7e1b0d7f2a0c3f1d5d8e6b4a9c2e7f1a3b5c";

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/runs/{run}/logs",
    purpose: "Reads or follows the log of an attempt of a step.",
    more: "A line is the time and the text. The log of an attempt that runs is followed to its end; the connection stays \
        open until then.",
    places: &[RUN],
    query: Some(Schemas::of::<Query>()),
    answers: &[Answer::text(200, "the lines, as they come", "text/plain; charset=utf-8", LOG)],
    problems: &[
        NO_RUN,
        (ProblemKind::NotFound, "the run has no such step, or the step no such attempt"),
        (ProblemKind::BadRequest, "`step` is not the path of a step"),
        (ProblemKind::TooMany, "512 clients follow events and logs already"),
    ],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "logs")
            .and(signed_in(state))
            .and(warp::query::<Query>())
            .then(|run, state: Arc<Factory>, caller: Caller, query| async move {
                settle(logs(&state, &caller, run, query).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

/// Lines that may wait for a slow client.
const LINES: usize = 1024;
/// How long a client may not take what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a step that has not started yet is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// The step instance: `build`, `build[2]`.
    step: String,
    /// The attempt, from 1; the newest that has a log where nothing is said.
    attempt: Option<u32>,
    /// Whether to wait for an attempt that has not started, instead of 404.
    #[serde(default)]
    follow: bool,
    /// Byte of the log, as the server keeps it, to go on from; 0 for all of it.
    #[serde(default)]
    offset: u64,
}

async fn logs(factory: &Arc<Factory>, caller: &Caller, run: RunId, query: Query) -> Result<Body, Problem> {
    run_of(factory, caller, run).await?;
    let path: StepPath = query
        .step
        .parse()
        .map_err(|error: vocab::StepPathError| Problem::new(ProblemKind::BadRequest, error.to_string()))?;
    let steps = factory.runs.steps(run).await?;
    if !steps.iter().any(|step| step.path == path) {
        return Err(Problem::missing(&format!("step `{path}` in run {run}")));
    }
    let attempts = factory.logs.attempts(run, &path).await;
    let attempts = attempts.map_err(|error| Problem::internal(&error.to_string()))?;
    let attempt = query.attempt.or(attempts.last().copied());
    if attempt.is_none_or(|attempt| !attempts.contains(&attempt)) && !query.follow {
        let text = match attempt {
            Some(attempt) => format!("log of attempt {attempt} of step `{path}`"),
            None => format!("log of step `{path}`: it has not run"),
        };
        return Err(Problem::missing(&text));
    }
    let slot = factory.stream_slot()?;
    let (sender, receiver) = mpsc::channel(LINES);
    let factory = Arc::clone(factory);
    tokio::spawn(async move {
        let feed = feed(&factory, run, path, attempt, &query, &sender);
        tokio::select! {
            () = feed => {}
            () = factory.closing() => {}
            () = sender.closed() => {}
        }
        drop(slot);
    });
    Ok(reply::stream("text/plain; charset=utf-8", ReceiverStream::new(receiver)))
}

async fn feed(
    factory: &Factory,
    run: RunId,
    path: StepPath,
    attempt: Option<u32>,
    query: &Query,
    client: &mpsc::Sender<Result<Bytes, std::io::Error>>,
) {
    let Some(attempt) = started(factory, run, &path, attempt, query.follow).await else { return };
    let name = LogName::Attempt { run, path, attempt };
    let mut lines = std::pin::pin!(factory.logs.follow(name, query.offset));
    while let Some(line) = lines.next().await {
        let text = match line {
            Ok(line) => format!("{} {}\n", line.entry.at, line.entry.text),
            Err(error) => format!("{error}\n"),
        };
        if client.send_timeout(Ok(text.into()), PATIENCE).await.is_err() {
            return;
        }
    }
}

/// The attempt to read, once it has a log; `None` when the step ended without one.
async fn started(
    factory: &Factory,
    run: RunId,
    path: &StepPath,
    attempt: Option<u32>,
    follow: bool,
) -> Option<u32> {
    loop {
        let attempts = factory.logs.attempts(run, path).await.unwrap_or_default();
        let found = match attempt {
            Some(attempt) => attempts.contains(&attempt).then_some(attempt),
            None => attempts.last().copied(),
        };
        if found.is_some() || !follow {
            return found;
        }
        let steps = factory.runs.steps(run).await.ok()?;
        if steps.iter().find(|step| step.path == *path).is_none_or(|step| step.status.is_terminal()) {
            return None;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
