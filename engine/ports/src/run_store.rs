//! Truth about runs: events, and the rows made from them, in one transaction.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::{
    Compensation, Digest, Inputs, Outputs, ProjectId, RequestId, RunGroup, RunId, RunStatus, StepPath,
    StepStatus, TenantName, Timestamp, WorkerId,
};

use crate::{
    Answer, Claim, EffectRecord, FinishedFilter, FinishedRun, LogRecord, MemoEntry, MemoKey, Request,
    StoreError, Term,
};

/// An event as it is stored. What it means is the engine core's business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Its place in the run, from 1 without gaps.
    pub seq: u64,
    /// When it was decided. Never earlier than the event before it.
    pub at: Timestamp,
    /// What happened: `attempt_started`.
    pub kind: String,
    /// Version of the payload's form.
    pub v: u32,
    /// The rest.
    pub payload: Json,
}

/// A run as lists and pages show it: made from its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Whose it is.
    pub tenant: TenantName,
    /// The project that it belongs to; none for a run of a local file.
    pub project: Option<ProjectId>,
    /// Name of its workflow.
    pub workflow: String,
    /// Digest of its plan.
    pub plan: Digest,
    /// What started it: kind, ref, commit, actor.
    pub trigger: Json,
    /// Its inputs, resolved.
    pub inputs: Inputs,
    /// Where it is.
    pub status: RunStatus,
    /// How its unwinding went.
    pub compensation: Compensation,
    /// Its outputs, once it succeeded.
    pub outputs: Outputs,
    /// Why it did not succeed, in a sentence.
    pub error: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Sequence number of its newest event.
    pub seq: u64,
    /// The group whose room it shares with other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<RunGroup>,
    /// The run whose step started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<RunId>,
}

impl RunRow {
    /// Whether nothing is left to do: it has ended, and nothing that it made is being undone or held for another run.
    pub fn is_over(&self) -> bool {
        let open = matches!(self.compensation, Compensation::Unwinding | Compensation::Held);
        self.status.is_terminal() && !open
    }
}

/// All rows of a run that follow from its events.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The run's own.
    pub run: RunRow,
    /// Its step instances.
    pub steps: Vec<StepRow>,
    /// Its effects.
    pub effects: Vec<EffectRecord>,
}

/// A run that is not over, as whoever shares out room sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// The run.
    pub run: RunId,
    /// The project that it belongs to.
    pub project: Option<ProjectId>,
    /// Name of its workflow.
    pub workflow: String,
    /// The group whose room it shares.
    pub group: Option<RunGroup>,
    /// Where it is: `queued` while it waits for its turn.
    pub status: RunStatus,
}

/// A step instance as lists and pages show it: made from events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRow {
    /// The run.
    pub run: RunId,
    /// The step instance.
    pub path: StepPath,
    /// Its place in the workflow, for display.
    pub position: u32,
    /// The action that it uses.
    pub action: String,
    /// Where it is.
    pub status: StepStatus,
    /// Attempts that were started.
    pub attempts: u32,
    /// Whether its outputs came from the cache.
    pub cached: bool,
    /// Its outputs.
    pub outputs: Outputs,
    /// Why it did not succeed: `{class, message, help}`.
    pub error: Option<Json>,
    /// When it became ready.
    pub ready_at: Option<Timestamp>,
    /// When its first attempt started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Who executes an attempt, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// The step instance.
    pub path: StepPath,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The worker.
    pub worker: WorkerId,
    /// Fencing token: the sequence number of the event that granted the lease.
    pub token: u64,
    /// When it ends unless it is renewed.
    pub expires_at: Timestamp,
}

/// A change of a lease within a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseChange {
    /// Granted, when the token is an event of this commit: replaces whatever the row holds. Renewed, when it is an
    /// earlier one: then the row must still carry this token, worker and attempt.
    Grant(Lease),
    /// Given up. The row must still carry this token, unless it is an event of this commit: then the lease came
    /// and went within it, and no row is left.
    Drop {
        /// The step instance.
        path: StepPath,
        /// The token that the row must carry.
        token: u64,
    },
}

/// Events of one run with all that follows from them: all or nothing.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The run as it is after the events; its `seq` is the last event's.
    pub run: RunRow,
    /// Sequence number of the run's newest event before these; 0 for a new run.
    pub expected_seq: u64,
    /// The events, in order.
    pub events: Vec<EventRecord>,
    /// Step rows that changed.
    pub steps: Vec<StepRow>,
    /// Effects that changed.
    pub effects: Vec<EffectRecord>,
    /// Leases that changed.
    pub leases: Vec<LeaseChange>,
    /// Outputs for the cache. An entry that is there already stays.
    pub memos: Vec<MemoEntry>,
    /// Who writes, where several processes share the rows: a new run is claimed for it, and any other commit is
    /// `Fenced` once somebody else has claimed the run.
    pub claim: Option<Claim>,
    /// What became of requests that these events carry out.
    pub answers: Vec<Answer>,
}

/// A run to be created.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its first events and rows; `expected_seq` is 0.
    pub commit: Commit,
    /// The plan in JSON; equal plans share a row, by `commit.run.plan`.
    pub plan: Json,
    /// The delivery that asks for this run, and the workflow's file: the same pair never creates a second run.
    pub origin: Option<(String, String)>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those of this project.
    pub project: Option<ProjectId>,
    /// Only those with this status.
    pub status: Option<RunStatus>,
    /// Only those older than this one.
    pub before: Option<RunId>,
}

/// A part of a list, and whether more follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items, newest first where nothing else is said.
    pub items: Vec<T>,
    /// Whether more follows.
    pub more: bool,
}

/// Where runs are kept. Every call is durable when it returns.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Creates a run. With an `origin` that created one before: that run's id, and nothing is written.
    async fn create(&self, run: NewRun) -> Result<RunId, StoreError>;

    /// Appends events and writes rows in one transaction. `Conflict` when `expected_seq` is not the row's, `Fenced`
    /// when a lease that is renewed or given up has another owner, or the run's claim another worker, `Malformed` when the commit contradicts itself,
    /// `Missing` when there is no such run of this tenant; then nothing is written.
    async fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// Events of a run after `after`, at most `limit`, in order. A page may be shorter where its events are large; it
    /// is empty only when there are none.
    async fn events(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError>;

    /// The plan of that digest.
    async fn plan(&self, digest: &Digest) -> Result<Json, StoreError>;

    /// Runs in which something is left to do, oldest first: what recovery loads. See [`RunRow::is_over`].
    async fn unfinished(&self) -> Result<Vec<RunId>, StoreError>;

    /// A run, if it is this tenant's.
    async fn run(&self, tenant: &TenantName, run: RunId) -> Result<Option<RunRow>, StoreError>;

    /// A run, whoever's: for the engine itself.
    async fn run_any_tenant(&self, run: RunId) -> Result<Option<RunRow>, StoreError>;

    /// Runs of a tenant, newest first. A page may be shorter than `limit` where its rows are large.
    async fn runs(
        &self,
        tenant: &TenantName,
        filter: RunFilter,
        limit: u32,
    ) -> Result<Page<RunRow>, StoreError>;

    /// The runs of a tenant that are not over and that no step started, oldest first: those that share room.
    async fn under_way(&self, tenant: &TenantName) -> Result<Vec<UnderWay>, StoreError>;

    /// Tenants of which a run waits for its turn.
    async fn queueing(&self) -> Result<Vec<TenantName>, StoreError>;

    /// The run that this delivery and file started in the tenant's project.
    async fn started_by(
        &self,
        tenant: &TenantName,
        project: Option<ProjectId>,
        origin: &(String, String),
    ) -> Result<Option<RunId>, StoreError>;

    /// The steps of a run, by position and path.
    async fn steps(&self, run: RunId) -> Result<Vec<StepRow>, StoreError>;

    /// The effects of a run, in journal order.
    async fn effects(&self, run: RunId) -> Result<Vec<EffectRecord>, StoreError>;

    /// How many effects are stuck, of all runs.
    async fn stuck_effects(&self) -> Result<u64, StoreError>;

    /// Leases that are held, of all runs.
    async fn leases(&self) -> Result<Vec<Lease>, StoreError>;

    /// Extends the leases of a worker; those that are gone are left out of the answer.
    async fn renew(
        &self,
        worker: WorkerId,
        until: Timestamp,
    ) -> Result<Vec<(RunId, StepPath, u64)>, StoreError>;

    /// Claims runs that nobody drives, for an engine that several processes make up: unfinished ones without a claim,
    /// or whose claim is over, the oldest first. No two claimants get the same run. Who lost a run to somebody else
    /// writes nothing to it any more: its commits are `Fenced`.
    async fn claim(&self, worker: WorkerId, term: Term, limit: u32) -> Result<Vec<RunId>, StoreError>;

    /// Claims one run, whether or not anything is left to do in it. `false`, and nothing happens, when another worker
    /// holds it or there is no such run; `true` when it is this worker's now, or was.
    async fn claim_run(&self, worker: WorkerId, term: Term, run: RunId) -> Result<bool, StoreError>;

    /// Extends the claims of a worker and gives the runs that it still holds, the oldest first. What somebody else took
    /// over meanwhile is left out; a claim that was over but not taken over goes on.
    async fn renew_claims(&self, worker: WorkerId, term: Term) -> Result<Vec<RunId>, StoreError>;

    /// Gives a claim up, as when its run is over. `false`, and nothing happens, when it is not this worker's.
    async fn release_claim(&self, worker: WorkerId, run: RunId) -> Result<bool, StoreError>;

    /// Leaves a request for whoever drives the run. One with the same id is there already: nothing happens. `Missing`
    /// when there is no such run of this tenant.
    async fn post(&self, request: Request) -> Result<(), StoreError>;

    /// Requests without an answer for the runs that a worker has claimed, the oldest first.
    async fn requests(&self, worker: WorkerId, limit: u32) -> Result<Vec<Request>, StoreError>;

    /// Takes the answer to a request, with the request, once there is one.
    async fn take_answer(&self, request: RequestId) -> Result<Option<Json>, StoreError>;

    /// Forgets answers to requests asked before that time, which nobody came for; how many.
    async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Ids of runs of all tenants after `after`, in their order, at most `limit`.
    async fn run_ids(&self, after: Option<RunId>, limit: u32) -> Result<Vec<RunId>, StoreError>;

    /// Puts these rows in the place of those that the run has, in one transaction; events, leases and everything else stay.
    /// `Missing` when there is no such run of this tenant. For a run that nobody drives.
    async fn reproject(&self, projection: Projection) -> Result<(), StoreError>;

    /// Writes down where the log of an attempt lies; a record that is there already stays. `Missing` when there is no
    /// such run of this tenant.
    async fn keep_log(&self, log: LogRecord) -> Result<(), StoreError>;

    /// Where the logs of a step instance lie whose attempts have ended, by attempt.
    async fn logs(&self, run: RunId, path: &StepPath) -> Result<Vec<LogRecord>, StoreError>;

    /// Runs that have ended, by their end and their id.
    async fn finished(&self, filter: FinishedFilter, limit: u32) -> Result<Vec<FinishedRun>, StoreError>;

    /// Removes a run with everything that is written about it, in one transaction; the plan too when no other run
    /// follows it. Cached outputs stay. `false`, and nothing is touched, when there is no such run, when it has not
    /// ended, or when an effect of it is not over.
    async fn remove(&self, run: RunId) -> Result<bool, StoreError>;

    /// The cached outputs of that key.
    async fn memo(&self, key: &MemoKey) -> Result<Option<MemoEntry>, StoreError>;

    /// Forgets cached outputs, as when their artifacts are gone.
    async fn forget_memo(&self, key: &MemoKey) -> Result<(), StoreError>;

    /// Notes that cached outputs were used at that time; they count as used when they were made.
    async fn use_memo(&self, key: &MemoKey, at: Timestamp) -> Result<(), StoreError>;

    /// Keys of cached outputs that were not used since `before`, in their order, after `after`.
    async fn idle_memos(
        &self,
        before: Timestamp,
        after: Option<&MemoKey>,
        limit: u32,
    ) -> Result<Vec<MemoKey>, StoreError>;
}
