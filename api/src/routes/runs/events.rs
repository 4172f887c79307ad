//! `GET /api/v1/runs/RUN/events`: a page of events, or a stream of them for who accepts `text/event-stream`.
//!
//! A stream begins after `Last-Event-ID` (or `?after=`), follows the run, and ends with it. A client that does not
//! take what it is sent is cut; it comes back with the last id it saw and misses nothing.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio_stream::wrappers::ReceiverStream;
use vocab::RunId;
use warp::Filter as _;

use super::feed::{Backlog, feed};
use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::{EventPage, EventView};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route, Schemas};

const STREAM: &str = r#"id: 1
event: run_created
data: {"seq":1,"at":"2026-05-04T09:30:00.000Z","kind":"run_created","v":1,"payload":{…}}

id: 2
event: run_started
data: {"seq":2,"at":"2026-05-04T09:30:00.010Z","kind":"run_started","v":1,"payload":{}}"#;

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/runs/{run}/events",
    purpose: "Reads the events of a run, or follows them as server-sent events.",
    more: "With `Accept: text/event-stream` the answer is a [stream](#follow-a-run).",
    places: &[RUN],
    query: Some(Schemas::of::<Query>()),
    headers: &[
        ("Accept", "`text/event-stream` asks for a stream; anything else, for a page."),
        ("Last-Event-ID", "Number of the last event that was seen. It goes before `after`."),
    ],
    answers: &[
        Answer::json::<EventPage>(200, "a page of events, in order"),
        Answer::text(200, "a stream of them", "text/event-stream", STREAM),
    ],
    problems: &[
        NO_RUN,
        (ProblemKind::BadRequest, "`Last-Event-ID` is no number"),
        (ProblemKind::TooMany, "512 clients follow events and logs already"),
    ],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "events")
            .and(signed_in(state))
            .and(warp::query::<Query>())
            .and(warp::header::optional::<String>("accept"))
            .and(warp::header::optional::<u64>("last-event-id"))
            .then(
                |run, state: Arc<Factory>, caller: Caller, query, accept: Option<String>, last| async move {
                    settle(events(&state, &caller, run, query, accept.as_deref(), last).await)
                },
            )
            .boxed()
    },
    ..Route::USUAL
};

/// Events of a page when nobody says how many.
const PAGE: u32 = 200;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only events with a larger number: `next` of the page before, or the last one seen. 0 where nothing is said.
    after: Option<u64>,
    /// How many at most: 1 to 1000, 200 where nothing is said. A stream has no limit.
    limit: Option<u32>,
}

async fn events(
    factory: &Arc<Factory>,
    caller: &Caller,
    run: RunId,
    query: Query,
    accept: Option<&str>,
    last_event_id: Option<u64>,
) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    let after = last_event_id.or(query.after).unwrap_or(0);
    if !accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        let limit = query.limit.unwrap_or(PAGE).clamp(1, 1000);
        let events = factory.runs.events(run, after, limit).await?;
        // A page may be short, where its events are large.
        let next = events.last().map(|event| event.seq).filter(|seq| *seq < row.seq);
        return Ok(reply::ok(&EventPage { events: events.into_iter().map(EventView::from).collect(), next }));
    }
    let slot = factory.stream_slot()?;
    let backlog = Backlog::of(factory.config.limits.event_backlog);
    let (sender, receiver) = backlog.channel();
    let factory = Arc::clone(factory);
    // Subscribed before the first read, so that nothing falls between.
    let news = factory.bus.subscribe();
    tokio::spawn(async move {
        tokio::select! {
            () = feed(&*factory.runs, run, after, news, &sender, backlog) => {}
            () = factory.closing() => {}
        }
        drop(slot);
    });
    Ok(reply::stream("text/event-stream", ReceiverStream::new(receiver)))
}
