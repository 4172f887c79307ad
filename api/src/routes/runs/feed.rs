//! From the store to one follower: pages of events through a bounded hand-over.
//!
//! The store holds every event, so a follower needs no memory of its own: what it has not taken is read again when
//! it comes back with the last id it saw.

use std::time::Duration;

use bytes::Bytes;
use engine_ports::{EventRecord, Notice, RunStore};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use vocab::RunId;

use crate::model::EventView;

/// Events read at once.
const PAGE: u32 = 200;
/// A comment is sent after so much silence, so that nobody in between closes the connection.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a client may not take what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A piece of the stream: one or more whole messages.
pub(super) type Chunk = Result<Bytes, std::io::Error>;

/// How far a follower may lag behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backlog {
    /// Events in one piece.
    page: u32,
    /// Pieces that wait.
    pieces: usize,
}

impl Backlog {
    /// At most `events` wait for the follower to take them.
    pub(super) fn of(events: u64) -> Self {
        let page = u32::try_from(events).unwrap_or(PAGE).clamp(1, PAGE);
        let pieces = usize::try_from(events / u64::from(page)).unwrap_or(usize::MAX);
        Self { page, pieces: pieces.clamp(1, 65_536) }
    }

    /// The two ends of the hand-over.
    pub(super) fn channel(self) -> (mpsc::Sender<Chunk>, mpsc::Receiver<Chunk>) {
        mpsc::channel(self.pieces)
    }
}

/// Sends the events after `after` until the run ends, or the client's patience. `news` must be subscribed before
/// this is called, so that nothing falls between.
pub(super) async fn feed(
    runs: &dyn RunStore,
    run: RunId,
    mut after: u64,
    mut news: Receiver<Notice>,
    client: &mpsc::Sender<Chunk>,
    backlog: Backlog,
) {
    loop {
        let events = match runs.events(run, after, backlog.page).await {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(%error, %run, "a follower was cut: the events cannot be read");
                return;
            }
        };
        let Some(last) = events.last() else {
            if wait(runs, run, &mut news, client).await {
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
    runs: &dyn RunStore,
    run: RunId,
    news: &mut Receiver<Notice>,
    client: &mpsc::Sender<Chunk>,
) -> bool {
    // A follower that came after the end gets what there is and no more.
    if !runs.run_any_tenant(run).await.is_ok_and(|row| row.is_some_and(|row| !row.status.is_terminal())) {
        return false;
    }
    loop {
        tokio::select! {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use engine_ports::{Commit, NewRun, RunRow};
    use engine_stores::MemoryRunStore;
    use serde_json::json;
    use tokio::sync::broadcast;
    use tokio::time::Instant;
    use vocab::{Compensation, Digest, RunStatus, SeededIds, TenantName, Timestamp};

    use super::*;

    /// A store with one run of so many events, the last of which ends it.
    async fn store(events: u64) -> (Arc<MemoryRunStore>, RunId) {
        let row = RunRow {
            id: RunId::generate(&SeededIds::default()),
            tenant: TenantName::default_tenant(),
            project: None,
            workflow: "w".to_owned(),
            plan: Digest::of("plan"),
            trigger: json!({ "kind": "manual" }),
            inputs: BTreeMap::new(),
            status: RunStatus::Succeeded,
            compensation: Compensation::NotNeeded,
            outputs: BTreeMap::new(),
            error: None,
            created_at: Timestamp::from_millis(1),
            finished_at: Some(Timestamp::from_millis(2)),
            seq: events,
            group: None,
            parent: None,
        };
        let event = |seq| EventRecord {
            seq,
            at: Timestamp::from_millis(1),
            kind: if seq == events { "run_finished" } else { "step_ready" }.to_owned(),
            v: 1,
            payload: json!({ "text": "zwei\nZeilen" }),
        };
        let (run, store) = (row.id, Arc::new(MemoryRunStore::new()));
        let commit = Commit {
            run: row,
            expected_seq: 0,
            events: (1..=events).map(event).collect(),
            steps: Vec::new(),
            effects: Vec::new(),
            leases: Vec::new(),
            memos: Vec::new(),
            claim: None,
            answers: Vec::new(),
        };
        store.create(NewRun { commit, plan: json!({}), origin: None }).await.unwrap();
        (store, run)
    }

    /// The ids in what comes until the stream ends.
    async fn rest(client: &mut mpsc::Receiver<Chunk>) -> Vec<u64> {
        let mut ids = Vec::new();
        while let Some(chunk) = client.recv().await {
            let text = String::from_utf8(chunk.unwrap().to_vec()).unwrap();
            ids.extend(text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse::<u64>().ok()));
        }
        ids
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_and_resumes_without_loss_or_doubling() {
        let (store, run) = store(1000).await;
        let backlog = Backlog::of(50);
        let (_bus, news) = broadcast::channel(1);
        let follow = |after| {
            let (store, news) = (Arc::clone(&store), news.resubscribe());
            let (sender, receiver) = backlog.channel();
            let feeding =
                tokio::spawn(async move { feed(&*store, run, after, news, &sender, backlog).await });
            (feeding, receiver)
        };
        let begun = Instant::now();
        let (feeding, mut slow) = follow(0);
        feeding.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs(), "it has its patience and no more");
        let mut seen = rest(&mut slow).await;
        assert_eq!(seen, (1..=50).collect::<Vec<_>>(), "no more waits than the backlog holds");
        let (feeding, mut again) = follow(*seen.last().unwrap());
        seen.extend(rest(&mut again).await);
        feeding.await.unwrap();
        assert_eq!(seen, (1..=1000).collect::<Vec<_>>(), "no event is missed and none comes twice");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_slow_but_takes_what_it_is_sent_is_not_cut() {
        let (store, run) = store(10).await;
        let backlog = Backlog::of(1);
        let (_bus, news) = broadcast::channel(1);
        let (sender, mut client) = backlog.channel();
        let feeding = tokio::spawn(async move { feed(&*store, run, 0, news, &sender, backlog).await });
        let mut pieces = 0;
        while client.recv().await.is_some() {
            pieces += 1;
            tokio::time::sleep(PATIENCE / 2).await;
        }
        feeding.await.unwrap();
        assert_eq!(pieces, 10);
    }

    #[test]
    fn what_waits_is_never_more_than_the_limit_says() {
        for events in [0, 1, 7, 199, 200, 201, 1024, u64::MAX] {
            let Backlog { page, pieces } = Backlog::of(events);
            assert!(u64::from(page) * pieces as u64 <= events.max(1), "{events}");
            assert!(page >= 1 && pieces >= 1);
        }
    }
}
