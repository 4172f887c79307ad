//! The actors that are in memory, and the moments at which others must be loaded again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use vocab::{RunId, Timestamp};

use super::message::Message;
use super::own_time::Lead;
use super::task::{self, Start};
use crate::shared::Shared;

/// Messages that one run's mailbox holds; then senders wait.
const MAILBOX: usize = 256;

/// The runs of this process.
#[derive(Default)]
pub(crate) struct Runs {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    live: HashMap<RunId, mpsc::Sender<Message>>,
    /// Runs that left memory, with the time at which something is due in them.
    parked: HashMap<RunId, Timestamp>,
    /// Runs whose time is ahead of this process's: kept while they are out of memory, or it would stand still then.
    leads: HashMap<RunId, Lead>,
}

impl Runs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts an actor, unless there is one already.
    pub(crate) fn start(&self, shared: &Arc<Shared>, run: RunId, start: Start) {
        self.sender(shared, run, Some(start));
    }

    /// Hands a message to the run's actor. After the stop nobody takes it, nor for a run that another process may
    /// drive: what it says is found out there.
    pub(crate) async fn send(&self, shared: &Arc<Shared>, run: RunId, message: Message) {
        let mut message = message;
        while !shared.stopped.is_cancelled() && shared.hold(run).is_some() {
            let sender = self.sender(shared, run, None);
            match sender.send(message).await {
                Ok(()) => return,
                // The actor has just left; the next one takes it.
                Err(refused) => message = refused.0,
            }
            self.forget(run, &sender);
        }
    }

    fn sender(&self, shared: &Arc<Shared>, run: RunId, start: Option<Start>) -> mpsc::Sender<Message> {
        let mut state = self.state();
        if let Some(sender) = state.live.get(&run).filter(|sender| !sender.is_closed()) {
            return sender.clone();
        }
        state.parked.remove(&run);
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        state.live.insert(run, sender.clone());
        let start = start.unwrap_or(Start::Load);
        shared.tasks.spawn(task::run(Arc::clone(shared), run, start, mailbox, sender.downgrade()));
        sender
    }

    /// Takes a dead mailbox off the list.
    pub(super) fn forget(&self, run: RunId, sender: &mpsc::Sender<Message>) {
        let mut state = self.state();
        if state.live.get(&run).is_some_and(|held| held.same_channel(sender)) {
            state.live.remove(&run);
        }
    }

    /// How far the run's time is ahead; at least as far as `least` says, from now on.
    pub(crate) fn lead(&self, run: RunId, least: Lead) -> Lead {
        let mut state = self.state();
        let lead = state.leads.get(&run).map_or(least, |known| least.max(*known));
        if !lead.is_none() {
            state.leads.insert(run, lead);
        }
        lead
    }

    /// Nothing is left to do in the run: nobody asks for its time any more.
    pub(super) fn forget_time(&self, run: RunId) {
        self.state().leads.remove(&run);
    }

    /// The actor leaves, if its mailbox is empty. `until` is when something is due, by the process's time.
    pub(super) fn leave(
        &self,
        run: RunId,
        mailbox: &mut mpsc::Receiver<Message>,
        until: Option<Timestamp>,
    ) -> bool {
        let mut state = self.state();
        if !mailbox.is_empty() {
            return false;
        }
        state.live.remove(&run);
        if let Some(until) = until {
            state.parked.insert(run, until);
        }
        mailbox.close();
        true
    }

    /// Lets go of a run that another process may drive: its actor looks up and leaves.
    pub(crate) fn disown(&self, run: RunId) {
        let mut state = self.state();
        state.parked.remove(&run);
        state.leads.remove(&run);
        if let Some(sender) = state.live.get(&run) {
            // One that is full of messages looks up anyway.
            let _ = sender.try_send(Message::Wake);
        }
    }

    /// Remembers a run that is not in memory, and in which something is due at `until`, by the process's time.
    pub(crate) fn park(&self, run: RunId, until: Timestamp) {
        self.state().parked.insert(run, until);
    }

    /// Runs in which something is due at `now`.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<RunId> {
        let state = self.state();
        state.parked.iter().filter(|(_, at)| **at <= now).map(|(run, _)| *run).collect()
    }

    /// How many runs are in memory.
    pub(crate) fn in_memory(&self) -> usize {
        self.state().live.len()
    }
}
