//! Requests in the maps, by the same rules as in the table.

use engine_ports::{Answer, Request, StoreError};
use serde_json::Value as Json;
use vocab::{RequestId, Timestamp, WorkerId};

use super::rows::Rows;
use crate::commit::no_run;

impl Rows {
    /// Leaves a request, unless it is there.
    pub(super) fn post(&mut self, request: Request) -> Result<(), StoreError> {
        let known = self.requests.contains_key(&request.id);
        let run = self.runs.get(&request.run).filter(|history| history.row.tenant == request.tenant);
        if !known {
            run.ok_or_else(|| no_run(request.run))?;
            self.requests.insert(request.id, (request, None));
        }
        Ok(())
    }

    /// Those without an answer for the runs that a worker has claimed.
    pub(super) fn requests(&self, worker: WorkerId, limit: usize) -> Vec<Request> {
        let ours =
            |request: &Request| self.claims.get(&request.run).is_some_and(|(holder, _)| *holder == worker);
        let open = self.requests.values().filter(|(request, answer)| answer.is_none() && ours(request));
        open.take(limit).map(|(request, _)| request.clone()).collect()
    }

    /// Writes answers down. One that was answered before keeps its answer.
    pub(super) fn answer(&mut self, answers: Vec<Answer>) {
        for Answer { request, answer } in answers {
            if let Some((_, known)) = self.requests.get_mut(&request) {
                known.get_or_insert(answer);
            }
        }
    }

    /// Takes the answer, with the request.
    pub(super) fn take_answer(&mut self, request: RequestId) -> Option<Json> {
        self.requests.get(&request)?.1.as_ref()?;
        self.requests.remove(&request)?.1
    }

    /// Forgets answers that nobody came for.
    pub(super) fn forget_answers(&mut self, before: Timestamp) -> u64 {
        let all = self.requests.len();
        self.requests.retain(|_, (request, answer)| answer.is_none() || request.asked_at >= before);
        (all - self.requests.len()) as u64
    }
}
