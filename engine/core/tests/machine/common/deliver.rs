//! How a message reaches the toy driver, or does not.

use engine_core::run::{Event, Report, RunState};
use vocab::{StepPath, Timestamp};

use super::driver::{Attempt, Driver, Move, Stop, Task};
use super::trouble::Fault;

/// What the driver takes up next.
#[derive(Debug, Clone)]
pub(super) enum Delivery {
    /// Somebody asks for something.
    Asked(Vec<Event>),
    /// A worker has room for that step.
    Grant(StepPath, Event),
    /// An attempt tells something, or a command is answered.
    Task(Timestamp, Task),
    /// A moment has come that the run waits for.
    Timer(Timestamp),
}

const SECOND: i64 = 1_000;

impl Driver {
    /// Takes up what comes next, with whatever is to go wrong at this moment.
    pub(super) fn deliver(&mut self, delivery: Delivery) -> Result<(), Stop> {
        let fault = self.schedule.at(self.moment);
        self.moment += 1;
        let Some(fault) = fault else { return self.receive(delivery) };
        self.met.push((self.moment - 1, fault));
        let before = self.log.len();
        match fault {
            Fault::Crash => {
                let events = Self::draw(self.seed, self.moment, 6);
                self.crash = super::faults::Crash::After(self.state.seq() + 1 + events);
                self.receive(delivery)
            }
            Fault::Lost => self.lose(delivery),
            Fault::Doubled => {
                self.receive(delivery.clone())?;
                self.note_since(before, fault);
                self.again(delivery)
            }
            Fault::Overtaken => self.overtake(delivery),
            Fault::Slow => self.slow(delivery),
            Fault::Forward => {
                let far = Self::draw(self.seed, self.moment, 10) == 0;
                let by = if far { 3 * 3600 * SECOND } else { 20 * SECOND };
                self.jumped = true;
                self.now = Timestamp::from_millis(self.now.as_millis() + by);
                self.receive(delivery)?;
                self.note_since(before, fault);
                Ok(())
            }
            Fault::Back => {
                self.now = Timestamp::from_millis((self.now.as_millis() - 600 * SECOND).max(0));
                self.receive(delivery)?;
                self.note_since(before, fault);
                Ok(())
            }
            Fault::Refused | Fault::Unclear => {
                self.armed = Some(fault);
                let tasks = self.tasks.clone();
                let end = self.receive(delivery.clone());
                self.armed = None;
                match end {
                    Err(Stop::Store) => {
                        self.tasks = tasks;
                        // Nobody has heard that it was taken up, so it comes again.
                        if let Delivery::Task(_, task) = delivery {
                            self.later(50, task);
                        }
                        self.reload()
                    }
                    other => other,
                }
            }
        }
    }

    pub(super) fn draw(seed: u64, moment: u64, below: u64) -> u64 {
        super::draw::Draw::new(seed, &format!("moment {moment}")).below(below)
    }

    pub(super) fn receive(&mut self, delivery: Delivery) -> Result<(), Stop> {
        match delivery {
            Delivery::Asked(events) => {
                let before = self.log.len();
                self.commit(events)?;
                if let Some(fault) = self.unheard.take() {
                    self.note_since(before, fault);
                }
                Ok(())
            }
            Delivery::Grant(path, event) => {
                self.commit(vec![event])?;
                self.attend(&path);
                Ok(())
            }
            Delivery::Task(at, task) => {
                self.now = self.now.max(at);
                match task {
                    Task::Attempt(attempt) => self.act(attempt),
                    Task::Command(command) => self.answer(&command),
                    Task::Expire(path, token) => self.expire(&path, token),
                    Task::Late(late) => {
                        let before = self.log.len();
                        self.receive(Delivery::Task(at, *late))?;
                        self.note_since(before, Fault::Overtaken);
                        Ok(())
                    }
                    Task::Again(command) => {
                        let before = self.log.len();
                        self.answer(&command)?;
                        self.note_since(before, Fault::Lost);
                        Ok(())
                    }
                }
            }
            Delivery::Timer(at) => {
                self.now = self.now.max(at);
                self.commit(Vec::new())
            }
        }
    }

    /// The lease of an attempt runs out, unless it has ended.
    fn expire(&mut self, path: &StepPath, token: u64) -> Result<(), Stop> {
        let before = self.log.len();
        if let Ok(event) = self.state.conclude(path, token, Report::Lost) {
            self.commit(vec![event])?;
        }
        self.note_since(before, Fault::Lost);
        Ok(())
    }

    fn lose(&mut self, delivery: Delivery) -> Result<(), Stop> {
        let tells = |attempt: &Attempt| !matches!(attempt.moves.front(), Some(Move::Make(_) | Move::Hang));
        match delivery {
            Delivery::Asked(_) if self.log.is_empty() => self.start(),
            // Whoever asked got no answer and asks again; what is due stays due.
            Delivery::Asked(_) => {
                self.unheard = Some(Fault::Lost);
                Ok(())
            }
            Delivery::Timer(_) => Ok(()),
            Delivery::Grant(path, event) => {
                self.commit(vec![event])?;
                let running = self.state.running().find(|running| running.path == path);
                if let Some(running) = running {
                    self.jumped = true;
                    self.later(60 * SECOND, Task::Expire(path, running.token));
                }
                Ok(())
            }
            Delivery::Task(_, Task::Attempt(attempt)) if tells(&attempt) => {
                // A lease lasts longer than some of what steps wait for.
                self.jumped = true;
                self.later(60 * SECOND, Task::Expire(attempt.path, attempt.token));
                Ok(())
            }
            Delivery::Task(at, Task::Command(command)) => {
                self.now = self.now.max(at);
                // Whatever it does outside is done; only the answer is lost.
                let _ = self.reply(&command);
                self.later(SECOND, Task::Again(command));
                Ok(())
            }
            other @ Delivery::Task(..) => self.receive(other),
        }
    }

    /// A message that was taken up comes once more: the state machine itself refuses it.
    fn again(&mut self, delivery: Delivery) -> Result<(), Stop> {
        let written = self.log.len();
        if let Some(event) = self.direct.take() {
            let mut state: RunState = self.state.clone();
            let kind = event.kind();
            let applied = state.apply(state.seq() + 1, state.clock(self.now), &event);
            // Asking for the end twice is asking for it. A second vote of one person is refused at the door.
            let twice = matches!(event, Event::CancelRequested { .. } | Event::Voted { .. });
            if let Event::Voted { path, by, agrees, .. } = &event {
                let again = self.state.vote(path, by, &[format!("user:{by}")], *agrees, "once more");
                assert!(again.is_err(), "seed {}: {by} votes twice", self.seed);
            }
            assert!(applied.is_err() || twice, "seed {}: `{kind}` is taken twice", self.seed);
            let same = twice || state.same_facts(&self.state);
            assert!(same, "seed {}: a refused `{kind}` changes something", self.seed);
        }
        let retold = matches!(&delivery, Delivery::Task(_, Task::Attempt(attempt)) if !matches!(
            attempt.moves.front(), Some(Move::Make(_) | Move::Hang)
        ));
        if retold || matches!(delivery, Delivery::Task(_, Task::Command(_)) | Delivery::Timer(_)) {
            let tasks = self.tasks.clone();
            self.receive(delivery)?;
            self.tasks = tasks;
            let more: Vec<_> = self.log[written..].iter().map(|(_, kind, ..)| *kind).collect();
            assert!(more.is_empty(), "seed {}: a message that came twice is {more:?}", self.seed);
        }
        Ok(())
    }

    fn overtake(&mut self, delivery: Delivery) -> Result<(), Stop> {
        let last = self.tasks.iter().map(|(at, ..)| *at).max();
        match (delivery, last) {
            (Delivery::Task(_, task @ (Task::Attempt(_) | Task::Command(_))), Some(last)) => {
                let wait = last.as_millis() - self.now.as_millis();
                self.later(wait.max(0) + 2 * SECOND, Task::Late(Box::new(task)));
                Ok(())
            }
            (Delivery::Grant(..), _) if self.state.ready().count() > 1 => {
                let before = self.log.len();
                let ready = self.state.ready().last().unwrap();
                let other = Delivery::Grant(ready.path.clone(), ready.start(self.worker));
                self.receive(other)?;
                self.note_since(before, Fault::Overtaken);
                Ok(())
            }
            (Delivery::Asked(_), Some(_)) => {
                // What was asked is asked again once another message was taken up.
                let first = self.tasks.iter().enumerate().min_by_key(|(_, (at, tick, _))| (*at, *tick));
                let (at, _, task) = self.tasks.remove(first.map(|(index, _)| index).unwrap());
                self.receive(Delivery::Task(at, task))?;
                self.unheard = Some(Fault::Overtaken);
                Ok(())
            }
            (other, _) => self.receive(other),
        }
    }

    /// The worker is given up before it tells what it would have told now.
    fn slow(&mut self, delivery: Delivery) -> Result<(), Stop> {
        let Delivery::Task(at, Task::Attempt(attempt)) = &delivery else { return self.receive(delivery) };
        if matches!(attempt.moves.front(), Some(Move::Make(_) | Move::Hang)) {
            return self.receive(delivery);
        }
        self.now = self.now.max(*at);
        let Ok(event) = self.state.conclude(&attempt.path, attempt.token, Report::Lost) else {
            return self.receive(delivery);
        };
        let Delivery::Task(_, task) = delivery else { return Ok(()) };
        self.later(5 * SECOND, task);
        self.commit(vec![event])
    }

    /// The store failed: what is known is what can be read, and what runs is what somebody still executes.
    fn reload(&mut self) -> Result<(), Stop> {
        self.state = self.replay();
        if self.log.is_empty() {
            return self.start();
        }
        let executed = |token: u64| {
            self.hanging.contains(&token) || self.tasks.iter().any(|(_, _, task)| task.token() == Some(token))
        };
        let lost: Vec<_> = self
            .state
            .running()
            .filter(|running| !executed(running.token))
            .map(|running| self.state.conclude(&running.path, running.token, Report::Lost).unwrap())
            .collect();
        self.commit(lost)?;
        for command in self.state.outstanding() {
            self.execute(command);
        }
        Ok(())
    }
}
