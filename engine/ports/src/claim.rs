//! Which process drives a run, where several share the rows.

use std::time::Duration;

use serde_json::Value as Json;
use vocab::{RequestId, RunId, TenantName, Timestamp, WorkerId};

/// How long a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// The caller's time. A store that several processes share goes by its database's clock instead, so that their
    /// own may differ.
    pub now: Timestamp,
    /// From now on, this long.
    pub lasts: Duration,
}

impl Term {
    /// When it ends, if it begins at `now`.
    pub fn ends(self, now: Timestamp) -> Timestamp {
        now.plus(self.lasts)
    }
}

/// A process's hold on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The process.
    pub worker: WorkerId,
    /// For how long.
    pub term: Term,
}

/// Something that is asked of a run which another process drives: it waits in the store until that one has carried it
/// out, whoever that is by then.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its id, given by who asks.
    pub id: RequestId,
    /// The run.
    pub run: RunId,
    /// Whose run it is.
    pub tenant: TenantName,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// What is asked. What it means is the engine's business.
    pub ask: Json,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The request.
    pub request: RequestId,
    /// The answer. What it means is the engine's business.
    pub answer: Json,
}
