//! `GET /api/v1/runs/RUN/events`: a page of events, or a stream of them for who accepts `text/event-stream`.
//!
//! A stream begins after `Last-Event-ID` (or `?after=`), follows the run, and ends with it. A client that does not
//! take what it is sent is cut; it comes back with the last id it saw and misses nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine_ports::{EventRecord, Notice};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use vocab::RunId;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::{EventPage, EventView};
use crate::problem::Problem;
use crate::reply::{self, Body};

/// Events read at once.
const PAGE: u32 = 200;
/// A comment is sent after so much silence, so that nobody in between closes the connection.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a client may not take what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);

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
    run_of(factory, caller, run).await?;
    let after = last_event_id.or(query.after).unwrap_or(0);
    if !accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        let limit = query.limit.unwrap_or(PAGE).clamp(1, 1000);
        let events = factory.runs.events(run, after, limit).await?;
        let full = events.len() == limit as usize;
        let next = events.last().filter(|_| full).map(|event| event.seq);
        return Ok(reply::ok(&EventPage { events: events.into_iter().map(EventView::from).collect(), next }));
    }
    let slot = factory.stream_slot()?;
    let backlog = usize::try_from(factory.config.limits.event_backlog).unwrap_or(usize::MAX >> 4);
    let (sender, receiver) = mpsc::channel(backlog.clamp(1, 65_536));
    let factory = Arc::clone(factory);
    // Subscribed before the first read, so that nothing falls between.
    let news = factory.bus.subscribe();
    tokio::spawn(async move {
        feed(&factory, run, after, news, &sender).await;
        drop(slot);
    });
    Ok(reply::stream("text/event-stream", ReceiverStream::new(receiver)))
}

type Chunk = Result<Bytes, std::io::Error>;

/// Sends events until the run, the client's patience, or the server ends.
async fn feed(
    factory: &Factory,
    run: RunId,
    mut after: u64,
    mut news: Receiver<Notice>,
    client: &mpsc::Sender<Chunk>,
) {
    loop {
        let events = match factory.runs.events(run, after, PAGE).await {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(%error, %run, "a follower was cut: the events cannot be read");
                return;
            }
        };
        let Some(last) = events.last() else {
            if wait(factory, run, &mut news, client).await {
                continue;
            }
            return;
        };
        after = last.seq;
        let ended = events.iter().any(|event| event.kind == "run_finished");
        let text: String = events.iter().map(message).collect();
        if client.send_timeout(Ok(text.into()), PATIENCE).await.is_err() || ended {
            return;
        }
    }
}

/// Waits for news of the run. Whether the stream goes on.
async fn wait(
    factory: &Factory,
    run: RunId,
    news: &mut Receiver<Notice>,
    client: &mpsc::Sender<Chunk>,
) -> bool {
    // A follower that came after the end gets what there is and no more.
    if !factory
        .runs
        .run_any_tenant(run)
        .await
        .is_ok_and(|row| row.is_some_and(|row| !row.status.is_terminal()))
    {
        return false;
    }
    loop {
        tokio::select! {
            () = factory.closing() => return false,
            () = client.closed() => return false,
            notice = news.recv() => match notice {
                Ok(notice) if notice.run == run => return true,
                Ok(_) => {}
                // What was missed is in the store.
                Err(RecvError::Lagged(_)) => return true,
                Err(RecvError::Closed) => return false,
            },
            () = tokio::time::sleep(SILENCE) => {
                if client.send_timeout(Ok(Bytes::from_static(b": still here\n\n")), PATIENCE).await.is_err() {
                    return false;
                }
                // Losing a notice costs latency, never events.
                return true;
            }
        }
    }
}

/// An event in the form of server-sent events. Its JSON holds no line breaks.
fn message(event: &EventRecord) -> String {
    let (seq, kind) = (event.seq, event.kind.clone());
    let data = serde_json::to_string(&EventView::from(event.clone())).unwrap_or_default();
    format!("id: {seq}\nevent: {kind}\ndata: {data}\n\n")
}
