//! Words from outside, as events of the run.

use engine_core::run::{Command, Event, IllegalTransition};
use engine_ports::Answer;
use vocab::EffectState;

use super::actor::{Actor, Outstanding};
use super::ask::{Ask, Refused, Reply, Told};

impl Actor {
    pub(super) fn asked(
        &mut self,
        ask: Ask,
        reply: Reply,
        outstanding: &mut Outstanding,
    ) -> Result<(), IllegalTransition> {
        let told = match ask {
            Ask::Cancel { by, reason } => self.take_word(&Event::CancelRequested { by, reason }),
            Ask::RetryUndo { by } => self.retry_undo(&by)?,
            Ask::Decide { decision, decided } => match decision.event(&self.state, decided) {
                Ok(event) => self.record(&event).map(|()| Ok(1))?,
                Err(refused) => Err(Refused::Decision(refused)),
            },
            Ask::Signal { name, payload, by } => match self.state.signal(&name, &payload, &by) {
                Ok(events) => {
                    for event in &events {
                        self.record(event)?;
                    }
                    Ok(events.len())
                }
                Err(refused) => Err(Refused::Wait(refused)),
            },
            Ask::Vote(vote) => match vote.event(&self.state) {
                Ok(event) => self.record(&event).map(|()| Ok(1))?,
                Err(refused) => Err(Refused::Wait(refused)),
            },
            Ask::ChildEnded { run, end } => {
                outstanding.jobs.remove(&Command::CancelRun { run });
                let event = self.state.child_ended(run, &end);
                if let Some(event) = &event {
                    self.record(event)?;
                }
                Ok(usize::from(event.is_some()))
            }
            // What is not held any more was told before.
            Ask::HoldEnded { kept } => self.take_word(&Event::HoldEnded { kept }),
        };
        self.reply(reply, told);
        // Before the next message: it may find another state.
        self.follow()
    }

    /// An event that means nothing where the run is says so itself.
    fn take_word(&mut self, event: &Event) -> Told {
        self.record(event).map(|()| 1).map_err(|refused| Refused::TooLate(refused.to_string()))
    }

    fn retry_undo(&mut self, by: &str) -> Result<Told, IllegalTransition> {
        if !self.state.status().is_terminal() {
            let run = self.run;
            let why = format!("run {run} has not ended: what is stuck can be tried again after that");
            return Ok(Err(Refused::TooLate(why)));
        }
        let stuck: Vec<_> =
            self.state.effects().filter(|e| e.state == EffectState::Stuck).map(|e| e.id).collect();
        for effect in &stuck {
            self.record(&Event::UndoRequested { effect: effect.clone(), by: by.to_owned() })?;
        }
        Ok(Ok(stuck.len()))
    }

    /// Answers once the turn is durable; whoever asked from another process finds the answer with the events.
    fn reply(&mut self, to: Reply, told: Told) {
        match to {
            Reply::Here(sender) => self.answer(sender, told),
            Reply::There(request, taken) => {
                // Plain data: it always has a JSON form.
                let answer = serde_json::to_value(told).unwrap_or_default();
                self.turn.replies.push(Answer { request, answer });
                self.turn.answers.push(Box::new(move || drop(taken)));
            }
            Reply::Nowhere => {}
        }
    }
}
