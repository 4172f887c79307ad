//! `GET /api/v1/runs/RUN/events`: a page of events, or a stream of them for who accepts `text/event-stream`.
//!
//! A stream begins after `Last-Event-ID` (or `?after=`), follows the run, and ends with it. A client that does not
//! take what it is sent is cut; it comes back with the last id it saw and misses nothing.

use std::sync::Arc;

use serde::Deserialize;
use tokio_stream::wrappers::ReceiverStream;
use vocab::RunId;

use super::feed::{Backlog, feed};
use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::{EventPage, EventView};
use crate::problem::Problem;
use crate::reply::{self, Body};

/// Events of a page when nobody says how many.
const PAGE: u32 = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    after: Option<u64>,
    limit: Option<u32>,
}

pub(super) async fn events(
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
