//! What is counted, and how it is handed out.

use std::sync::Arc;

use engine_ports::{EventBus, ProjectStore, RunStore, StoreError};
use engine_runtime::EngineStatus;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, from 0 at each start.
    Counter,
}

impl Kind {
    /// The word of Prometheus.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

/// A metric, as `/metrics` and the reference describe it.
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it is told apart by.
    pub(crate) label: Option<&'static str>,
    pub(crate) doc: &'static str,
}

const fn gauge(name: &'static str, doc: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, label: None, doc }
}

const fn counter(name: &'static str, label: Option<&'static str>, doc: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, label, doc }
}

/// Every metric. Whoever counts something new gives it a line here.
pub(crate) const METRICS: &[Metric] = &[
    gauge("image_factory_runs_unfinished", "Runs that have not ended."),
    gauge("image_factory_effects_stuck", "Effects that could not be undone and wait for a person."),
    gauge(
        "image_factory_deliveries_pending",
        "Deliveries of webhooks that were accepted and not acted on yet.",
    ),
    gauge("image_factory_runs_in_memory", "Runs that are at work; others wait in the store for a time."),
    gauge("image_factory_runs_waiting_for_a_slot", "Runs with a step that waits for room."),
    gauge("image_factory_attempt_slots", "Attempts that may run at once."),
    gauge("image_factory_attempt_slots_taken", "Attempts that run."),
    gauge("image_factory_dispatch_paused", "1 while nothing new starts, as when the disk is nearly full."),
    counter("image_factory_commits_total", None, "Commits of runs that were published."),
    counter("image_factory_runs_finished_total", Some("status"), "Runs that ended, by status."),
    counter("image_factory_http_requests_total", Some("status"), "Requests answered, by status."),
    counter("image_factory_sign_ins_refused_total", None, "Requests with a wrong token or signature."),
    counter(
        "image_factory_webhook_deliveries_total",
        Some("result"),
        "Deliveries of webhooks that were acted on, by result: `done`, `failed`, `redelivered`, `refused`.",
    ),
];

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

    /// The numbers as text; gauges are read now.
    pub(crate) async fn scrape(
        &self,
        runs: &dyn RunStore,
        projects: &dyn ProjectStore,
        engine: &EngineStatus,
    ) -> Result<String, StoreError> {
        metrics::gauge!("image_factory_runs_unfinished").set(number(runs.unfinished().await?.len()));
        metrics::gauge!("image_factory_effects_stuck").set(number(runs.stuck_effects().await?));
        metrics::gauge!("image_factory_deliveries_pending").set(number(projects.pending_deliveries().await?));
        metrics::gauge!("image_factory_runs_in_memory").set(number(engine.runs_in_memory));
        metrics::gauge!("image_factory_runs_waiting_for_a_slot").set(number(engine.slots.waiting));
        metrics::gauge!("image_factory_attempt_slots").set(number(engine.slots.capacity));
        metrics::gauge!("image_factory_attempt_slots_taken").set(number(engine.slots.taken));
        metrics::gauge!("image_factory_dispatch_paused")
            .set(number(usize::from(engine.slots.paused.is_some())));
        self.0.run_upkeep();
        Ok(self.0.render())
    }
}

/// Counts stay far below what a gauge tells apart; more than that reads as very many.
fn number(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}

fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.doc),
            Kind::Counter => metrics::describe_counter!(metric.name, metric.doc),
        }
    }
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
                metrics::counter!("image_factory_commits_total").increment(1);
                // The end of a run is always its last event.
                let last = runs.events(notice.run, notice.seq.saturating_sub(1), 1).await.unwrap_or_default();
                for event in last.iter().filter(|event| event.kind == "run_finished") {
                    let status = event.payload["status"].as_str().unwrap_or("unknown").to_owned();
                    metrics::counter!("image_factory_runs_finished_total", "status" => status).increment(1);
                }
            }
            // Numbers that are a little short are better than a server that waits for them.
            Err(RecvError::Lagged(missed)) => {
                metrics::counter!("image_factory_commits_total").increment(missed);
            }
            Err(RecvError::Closed) => return,
        }
    }
}
