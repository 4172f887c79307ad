//! What messages mean for a run: each becomes events, and an answer that waits for them to be durable.

use engine_core::run::{Begin, Command, EffectId, Event, Failure, IllegalTransition, JournalRefusal, Report};
use engine_ports::{ActionError, JournalError, Presence, UndoOutcome};
use tokio::sync::oneshot;

use super::actor::{Actor, Outstanding};
use super::answers;
use super::message::{JournalEntry, JournalWrite, Message};
use crate::attempt::{Ended, Stop};
use crate::dispatch::Slot;

impl Actor {
    pub(super) fn take(
        &mut self,
        message: Message,
        outstanding: &mut Outstanding,
    ) -> Result<(), IllegalTransition> {
        match message {
            Message::Wake => Ok(()),
            Message::Asked(ask, reply) => self.asked(ask, reply, outstanding),
            Message::Slot(slot) => {
                self.turn.slots.push(slot);
                // What the slot starts must not wait for the other messages: they may be many.
                self.follow()
            }
            Message::Ended(ended) => self.ended(*ended),
            Message::Lost { path, token } => {
                // One whose report is here already is over: its lease went with the report. Should somebody else hold
                // it, the commit of the report is refused.
                if let Ok(event) = self.state.conclude(&path, token, Report::Lost) {
                    tracing::warn!(run = %self.run, %path, token, "an attempt is lost, and with it its lease");
                    if let Some(leash) = outstanding.attempts.remove(&token) {
                        leash.stop(Stop::Lost);
                    }
                    self.record(&event)?;
                }
                self.follow()
            }
            Message::Journal(entry) => self.journal(*entry),
            Message::Probed { effect, presence } => {
                outstanding.jobs.remove(&Command::ProbeEffect { effect: effect.clone() });
                self.probed(effect, presence)
            }
            Message::Undone { effect, nth, outcome } => {
                outstanding.jobs.retain(|command| !undoes(command, &effect, nth));
                self.undone(effect, nth, outcome)
            }
            Message::Admit { answer } => {
                if self.state.awaits_admission() {
                    self.record(&Event::RunAdmitted {})?;
                }
                self.answer(answer, ());
                self.follow()
            }
            Message::GiveWay { to } => {
                if self.state.gives_way() {
                    let (by, reason) = (format!("run {to}"), Some("a newer run of its group".to_owned()));
                    self.record(&Event::CancelRequested { by, reason })?;
                }
                self.decide_now()
            }
            Message::ChildStarted { run } => {
                let this =
                    |command: &Command| matches!(command, Command::StartRun { run: of, .. } if *of == run);
                outstanding.jobs.retain(|command| !this(command));
                // A halt that came meanwhile waited for it to be there.
                let commands = self.state.outstanding().into_iter();
                self.turn.commands.extend(commands.filter(|command| *command == Command::CancelRun { run }));
                Ok(())
            }
        }
    }

    /// Decides before the next message: it may find another state.
    fn decide_now(&mut self) -> Result<(), IllegalTransition> {
        let now = self.now();
        self.turn.settle(&mut self.state, now)
    }

    /// Answers once the turn is durable.
    pub(super) fn answer<T: Send + 'static>(&mut self, to: oneshot::Sender<T>, value: T) {
        self.turn.answers.push(Box::new(move || {
            // Whoever asked may be gone.
            let _ = to.send(value);
        }));
    }

    fn ended(&mut self, ended: Ended) -> Result<(), IllegalTransition> {
        let Ended { path, token, outcome, leash, slot, answer } = ended;
        if leash.why() == Some(Stop::Lost) {
            self.turn.slots.extend(slot.and_then(Slot::again));
            return self.follow();
        }
        // It stays outstanding until this is durable: if that fails, the report comes again.
        self.turn.ended.push(token);
        match self.state.conclude(&path, token, outcome.report) {
            Ok(event) => {
                let succeeded = matches!(event, Event::AttemptSucceeded { .. });
                self.record(&event)?;
                self.turn.memos.extend(outcome.memo.filter(|_| succeeded).map(|memo| *memo));
            }
            Err(lost) => tracing::warn!(run = %self.run, %lost, "a late report is refused"),
        }
        self.answer(answer, ());
        self.turn.slots.extend(slot.and_then(Slot::again));
        self.follow()
    }

    fn journal(&mut self, entry: JournalEntry) -> Result<(), IllegalTransition> {
        let JournalEntry { path, name, token, write, answer } = entry;
        let said = match &write {
            JournalWrite::Begin(_) => None,
            JournalWrite::Made(handle) => Some(Some(handle)),
            JournalWrite::Absent => Some(None),
        };
        let known = said.is_some_and(|handle| self.state.journal_has(&path, token, &name, handle));
        let event = match write {
            _ if known => Ok(None),
            JournalWrite::Begin(intent) => match self.state.begin_effect(&path, token, &name, intent) {
                Ok(Begin::Record(event)) => Ok(Some(event)),
                Ok(Begin::Known(_)) => Ok(None),
                Err(refused) => Err(refused),
            },
            JournalWrite::Made(handle) => self.state.effect_made(&path, token, &name, handle).map(Some),
            JournalWrite::Absent => self.state.effect_absent(&path, token, &name).map(Some),
        };
        let outcome = match event {
            Ok(event) => {
                if let Some(event) = event {
                    self.record(&event)?;
                }
                let effect = EffectId { path, name };
                self.effect(&effect).ok_or_else(|| {
                    JournalError::Store(format!("the effect `{effect}` is not in the journal"))
                })
            }
            Err(refused) => Err(refusal(refused)),
        };
        self.answer(answer, outcome);
        self.decide_now()
    }

    fn probed(
        &mut self,
        effect: EffectId,
        presence: Result<Presence, ActionError>,
    ) -> Result<(), IllegalTransition> {
        let Some(created) = self.state.created() else { return Ok(()) };
        let event = answers::probed(effect, presence, &created.limits);
        self.record_unless_late(&event);
        self.decide_now()
    }

    fn undone(
        &mut self,
        effect: EffectId,
        nth: u32,
        outcome: Result<UndoOutcome, ActionError>,
    ) -> Result<(), IllegalTransition> {
        let current = self.state.effect_of(&effect).is_some_and(|view| view.tries == nth);
        let event = match outcome {
            _ if !current => None,
            Ok(UndoOutcome::Undone) => Some(Event::EffectUndone { effect }),
            Ok(UndoOutcome::Superseded(found)) => Some(answers::superseded(effect, found)),
            Err(error) => {
                let failure = Failure::new(error.class, error.message);
                let failure = match error.help {
                    Some(help) => failure.help(help),
                    None => failure,
                };
                self.state.undo_failed(&effect, failure)
            }
        };
        if let Some(event) = event {
            self.record_unless_late(&event);
        }
        self.decide_now()
    }

    /// An answer that came twice, as after a failure of the store, fits no more and changes nothing.
    fn record_unless_late(&mut self, event: &Event) {
        if let Err(late) = self.record(event) {
            tracing::debug!(run = %self.run, %late, "a late answer is passed over");
        }
    }
}

/// Whether the command is that try to undo the effect.
fn undoes(command: &Command, effect: &EffectId, nth: u32) -> bool {
    match command {
        Command::UndoEffect { effect: of, nth: number }
        | Command::TakeBackRun { effect: of, nth: number, .. } => (of, *number) == (effect, nth),
        _ => false,
    }
}

fn refusal(refused: JournalRefusal) -> JournalError {
    match refused {
        JournalRefusal::LeaseLost(_) | JournalRefusal::Halted(_) => JournalError::LeaseLost,
        JournalRefusal::Undeclared { name, .. } => JournalError::Undeclared(name),
        other => JournalError::Store(other.to_string()),
    }
}
