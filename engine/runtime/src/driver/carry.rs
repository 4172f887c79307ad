//! What a run asks of this process: attempts, probes, undos, other runs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use engine_core::run::Command;
use futures::FutureExt as _;

use super::actor::{Actor, Outstanding};
use super::children::{self, Child};
use super::message::Message;
use super::turn::Grant;
use crate::attempt::{Assignment, LocalAttempt, Stop, execute};
use crate::effects;

impl Actor {
    /// Executes an attempt.
    pub(super) fn begin(&self, grant: Grant, outstanding: &mut Outstanding) {
        let Grant { path, attempt, token, action, inputs, timeout, cache, promise, leash, slot } = grant;
        outstanding.attempts.insert(token, Arc::clone(&leash));
        let local = LocalAttempt { run: self.run, path: path.clone(), token, leash: Arc::clone(&leash) };
        self.shared.local.keep(local);
        if self.shared.stopped.is_cancelled() {
            leash.stop(Stop::Lost);
        }
        let (shared, run, meta) = (Arc::clone(&self.shared), self.run, Arc::clone(&self.meta));
        let (at, held) = (path.clone(), Arc::clone(&leash));
        let assignment = Assignment {
            run,
            path,
            attempt,
            token,
            action,
            inputs,
            timeout,
            cache,
            promise,
            meta,
            leash,
            slot,
        };
        self.shared.tasks.spawn(async move {
            let work = AssertUnwindSafe(execute(Arc::clone(&shared), assignment)).catch_unwind();
            // Actions that panic are caught further in; this is about the engine's own part.
            if work.await.is_err() {
                tracing::error!(%run, path = %at, attempt, "an attempt broke off");
                shared.local.forget(run, token, &held);
                shared.send(run, Message::Lost { path: at, token }).await;
            }
        });
    }

    /// Does what the state machine asks for, unless it is being done.
    pub(super) fn carry_out(&self, command: &Command, outstanding: &mut Outstanding) {
        match command {
            Command::CancelAttempt { token, .. } => {
                if let Some(leash) = outstanding.attempts.get(token) {
                    leash.stop(Stop::Asked);
                }
            }
            Command::ProbeEffect { effect } => {
                if let Some(record) = self.effect(effect).filter(|_| outstanding.jobs.insert(command.clone()))
                {
                    let probe = effects::probe(Arc::clone(&self.shared), Arc::clone(&self.meta), record);
                    self.shared.tasks.spawn(probe);
                }
            }
            Command::StartRun { path, run, workflow } => {
                let spec = self.state.plan().spec().workflows.get(workflow);
                let (Some(spec), Some(inputs)) = (spec, self.state.child_inputs(path)) else { return };
                if outstanding.jobs.insert(command.clone()) {
                    let (mut spec, parent) = (spec.clone(), self.row.clone());
                    // Who waits for it should not wait for others meanwhile.
                    spec.priority = self.state.plan().spec().priority;
                    let child = Child { run: *run, spec, inputs, parent, path: path.clone() };
                    self.shared.tasks.spawn(children::start(Arc::clone(&self.shared), child));
                }
            }
            Command::CancelRun { run } => {
                let starts =
                    |other: &Command| matches!(other, Command::StartRun { run: of, .. } if of == run);
                // While it is being started, the word that it is there brings this up again.
                if !outstanding.jobs.iter().any(starts) && outstanding.jobs.insert(command.clone()) {
                    let (shared, tenant) = (Arc::clone(&self.shared), self.row.tenant.clone());
                    self.shared.tasks.spawn(children::cancel(shared, tenant, self.run, *run));
                }
            }
            Command::TakeBackRun { effect, nth, run } => {
                if outstanding.jobs.insert(command.clone()) {
                    let (shared, effect) = (Arc::clone(&self.shared), effect.clone());
                    let tenant = self.row.tenant.clone();
                    self.shared
                        .tasks
                        .spawn(children::take_back(shared, tenant, self.run, *run, effect, *nth));
                }
            }
            Command::UndoEffect { effect, nth } => {
                if let Some(record) = self.effect(effect).filter(|_| outstanding.jobs.insert(command.clone()))
                {
                    let undo = effects::undo(Arc::clone(&self.shared), Arc::clone(&self.meta), record, *nth);
                    self.shared.tasks.spawn(undo);
                }
            }
        }
    }
}
