//! What is counted, and how it is handed out.

use std::sync::Arc;

use engine_ports::{EventBus, RunStore, StoreError};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// The counters of this process.
#[derive(Clone)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts to count. In a process that counts already (as tests do), numbers go to the first.
    pub(crate) fn install() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Only one recorder can be global; a second one is a test's, and stays empty.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        Self(handle)
    }

    /// The numbers as text.
    pub(crate) async fn scrape(&self, runs: &dyn RunStore) -> Result<String, StoreError> {
        let unfinished = u32::try_from(runs.unfinished().await?.len()).unwrap_or(u32::MAX);
        let leases = u32::try_from(runs.leases().await?.len()).unwrap_or(u32::MAX);
        metrics::gauge!("runs_unfinished").set(f64::from(unfinished));
        metrics::gauge!("attempts_leased").set(f64::from(leases));
        self.0.run_upkeep();
        Ok(self.0.render())
    }
}

fn describe() {
    metrics::describe_gauge!("runs_unfinished", "Runs that have not ended.");
    metrics::describe_gauge!("attempts_leased", "Attempts that a worker holds.");
    metrics::describe_counter!("commits_total", "Commits of runs that were published.");
    metrics::describe_counter!("runs_finished_total", "Runs that ended, by status.");
    metrics::describe_counter!("http_requests_total", "Requests answered, by status.");
    metrics::describe_counter!("webhook_deliveries_total", "Deliveries of webhooks, by result.");
}

/// Counts what the bus tells, until `stop`.
pub(crate) async fn count(bus: Arc<dyn EventBus>, runs: Arc<dyn RunStore>, stop: CancellationToken) {
    let mut notices = bus.subscribe();
    loop {
        let notice = tokio::select! {
            () = stop.cancelled() => return,
            notice = notices.recv() => notice,
        };
        match notice {
            Ok(notice) => {
                metrics::counter!("commits_total").increment(1);
                // The end of a run is always its last event.
                let last = runs.events(notice.run, notice.seq.saturating_sub(1), 1).await.unwrap_or_default();
                for event in last.iter().filter(|event| event.kind == "run_finished") {
                    let status = event.payload["status"].as_str().unwrap_or("unknown").to_owned();
                    metrics::counter!("runs_finished_total", "status" => status).increment(1);
                }
            }
            // Numbers that are a little short are better than a server that waits for them.
            Err(RecvError::Lagged(missed)) => metrics::counter!("commits_total").increment(missed),
            Err(RecvError::Closed) => return,
        }
    }
}
