//! A toy driver: durable log, virtual time, one crash where the test wants it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use engine_core::plan::Plan;
use engine_core::run::{
    Begin, CacheKey, CachedFrom, ChildEnd, Command, DecisionRefused, EffectId, EffectPhase, Event, EventKind,
    Failure, JournalRefusal, Origin, Outside, Parent, Report, RunCreated, RunLimits, RunPhase, RunState,
    Transition, Wait, next_effect, next_run, next_step,
};
use serde_json::{Value as Json, json};
use vocab::{
    Compensation, Digest, EffectState, ErrorClass, IdSource, Inputs, OnNew, Outputs, RunGroup, RunId,
    RunStatus, SeededIds, StepPath, StepStatus, Timestamp, Value, WorkerId,
};

use super::deliver::Delivery;
use super::draw::Draw;
use super::faults::{Crash, Interference};
use super::person::{Verdict, Word, decided};
use super::trouble::{Cells, Fault, Schedule};
use super::world::{Behaviour, Making, Undoing, World, tells};

/// Why the driver cannot go on from what it has in memory.
#[derive(Debug)]
pub(super) enum Stop {
    Died,
    /// It is not known what was written.
    Store,
}

/// One thing that goes on outside the engine.
#[derive(Debug, Clone)]
pub(super) enum Task {
    Attempt(Attempt),
    Command(Command),
    /// Nobody has heard of that attempt for as long as its lease lasts.
    Expire(StepPath, u64),
    /// The same message, which others have overtaken.
    Late(Box<Task>),
    /// The command whose answer was lost.
    Again(Command),
}

impl Task {
    /// The attempt that it is about.
    pub(super) fn token(&self) -> Option<u64> {
        match self {
            Self::Attempt(attempt) => Some(attempt.token),
            Self::Expire(_, token) => Some(*token),
            Self::Late(task) => task.token(),
            Self::Command(_) | Self::Again(_) => None,
        }
    }

    fn command(&self) -> Option<&Command> {
        match self {
            Self::Command(command) | Self::Again(command) => Some(command),
            Self::Late(task) => task.command(),
            Self::Attempt(_) | Self::Expire(..) => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) path: StepPath,
    pub(super) token: u64,
    pub(super) moves: VecDeque<Move>,
}

#[derive(Debug, Clone)]
pub(super) enum Move {
    Begin(&'static str, Making),
    Make(EffectId),
    Say(&'static str, Json),
    Deny(&'static str),
    Hang,
    FallSilent,
    Report(Report),
}

pub(crate) struct Driver {
    pub(crate) seed: u64,
    pub(crate) plan: Arc<Plan>,
    pub(crate) state: RunState,
    /// What is durable.
    pub(crate) log: Vec<(Timestamp, &'static str, u32, Json)>,
    pub(crate) world: World,
    pub(crate) crossed: BTreeSet<Transition>,
    interference: Interference,
    /// What the run takes over from an earlier one.
    taken: Vec<Event>,
    pub(super) crash: Crash,
    /// What else goes wrong, and what of it has come to pass.
    pub(super) schedule: Schedule,
    pub(crate) met: Vec<(u64, Fault)>,
    pub(crate) cells: Cells,
    pub(super) moment: u64,
    /// The next commit fails so.
    pub(super) armed: Option<Fault>,
    /// The first event of the last commit: what the message said.
    pub(super) direct: Option<Event>,
    /// What somebody asked last did not come through, or came late.
    pub(super) unheard: Option<Fault>,
    /// Attempts that never end by themselves.
    pub(super) hanging: BTreeSet<u64>,
    /// Much time has passed at once: what a step waits for may come too late.
    pub(crate) jumped: bool,
    pub(super) now: Timestamp,
    pub(super) worker: WorkerId,
    ids: SeededIds,
    slots: usize,
    pub(super) tasks: Vec<(Timestamp, u64, Task)>,
    tick: u64,
    /// Whether every decision is held against one from scratch.
    pub(crate) check_decisions: bool,
}

const HOUR: i64 = 3_600_000;

impl Driver {
    pub(crate) fn new(seed: u64, plan: Arc<Plan>, crash: Crash) -> Self {
        let ids = SeededIds::default();
        Self {
            seed,
            state: RunState::new(Arc::clone(&plan)),
            interference: Interference::of(seed, &plan),
            taken: Vec::new(),
            log: Vec::new(),
            world: World::default(),
            crossed: BTreeSet::new(),
            crash,
            schedule: Schedule::Calm,
            met: Vec::new(),
            cells: Cells::new(),
            moment: 0,
            armed: None,
            direct: None,
            unheard: None,
            hanging: BTreeSet::new(),
            jumped: false,
            now: Timestamp::from_millis(1_000),
            worker: WorkerId::generate(&ids),
            slots: 1 + usize::try_from(Draw::new(seed, "slots").below(4)).unwrap(),
            tasks: Vec::new(),
            tick: 0,
            check_decisions: true,
            plan,
            ids,
        }
    }

    pub(crate) fn interference(mut self, interference: Interference) -> Self {
        self.interference = interference;
        self
    }

    /// With what an earlier run of the same plan gave.
    pub(crate) fn taking(mut self, taken: Vec<Event>) -> Self {
        self.taken = taken;
        self
    }

    pub(crate) fn troubled(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Runs to the end, through the crash if there is one.
    pub(crate) fn run(mut self) -> Self {
        let mut next = self.start();
        for _ in 0..2_000 {
            match next.and_then(|()| self.go_on()) {
                Ok(()) => return self,
                Err(Stop::Died) => next = self.recover(),
                Err(Stop::Store) => unreachable!("whoever arms the store looks after it"),
            }
        }
        panic!("seed {}: the run did not end after its crashes", self.seed);
    }

    pub(super) fn start(&mut self) -> Result<(), Stop> {
        // Only what a step does itself may make it fail.
        let lost_attempts = if self.schedule.is_calm() { RunLimits::default().lost_attempts } else { 10_000 };
        let limits = RunLimits { undo_attempts: 3, lost_attempts, ..RunLimits::default() };
        let waits = Draw::new(self.seed, "group").chance(30);
        let created = RunCreated {
            run: RunId::from(self.ids.uuid()),
            plan: self.plan.digest(),
            inputs: Inputs::new(),
            origin: Origin { kind: "manual".into(), ..Origin::default() },
            deadline: Some(Timestamp::from_millis(HOUR)),
            limits,
            parent: Draw::new(self.seed, "parent").chance(25).then(|| Parent {
                run: RunId::from(SeededIds::default().uuid()),
                path: "above".parse().unwrap(),
            }),
            group: waits.then(|| RunGroup { name: "golden".into(), limit: 1, on_new: OnNew::Queue }),
            waits,
            context: serde_json::Value::Null,
        };
        let mut first = vec![Event::RunCreated(Box::new(created))];
        first.extend(self.taken.clone());
        if self.interference == Interference::Queued {
            first.push(cancel());
        }
        self.deliver(Delivery::Asked(first))
    }

    /// A new process: all it has is the log and the outside.
    fn recover(&mut self) -> Result<(), Stop> {
        self.crash = Crash::Never;
        self.armed = None;
        self.tasks.clear();
        self.worker = WorkerId::generate(&self.ids);
        let replayed = self.replay();
        if self.state.seq() == replayed.seq() {
            assert!(replayed.same_facts(&self.state), "seed {}: replay gives another state", self.seed);
        }
        self.state = replayed;
        if self.log.is_empty() {
            return self.start();
        }
        if self.interference == Interference::Queued && self.state.phase() == RunPhase::Queued {
            self.write(cancel())?;
        }
        let worker = self.worker;
        let lost = self.state.lost_attempts(|other| other == worker);
        self.commit(lost)?;
        for command in self.state.outstanding() {
            self.execute(command);
        }
        Ok(())
    }

    pub(crate) fn replay(&self) -> RunState {
        let mut state = RunState::new(Arc::clone(&self.plan));
        for ((at, kind, v, payload), seq) in self.log.iter().zip(1..) {
            let event = Event::from_parts(kind, *v, payload.clone()).unwrap();
            state.apply(seq, *at, &event).unwrap();
        }
        state
    }

    fn go_on(&mut self) -> Result<(), Stop> {
        for _ in 0..100_000 {
            let Some(delivery) = self.next() else { return Ok(()) };
            self.deliver(delivery)?;
        }
        panic!("seed {}: the run does not end", self.seed)
    }

    fn next(&mut self) -> Option<Delivery> {
        let events = self.interfere();
        if !events.is_empty() {
            return Some(Delivery::Asked(events));
        }
        let busy = self.state.running().count();
        if busy < self.slots
            && let Some(ready) = self.state.next_ready()
        {
            let (path, event) = (ready.path.clone(), ready.start(self.worker));
            for need in self.plan.needs(self.plan.position(path.root()).unwrap()) {
                let status = self.state.step_status(self.plan.path(need)).unwrap();
                assert!(status.is_terminal(), "seed {}: {path} started too early", self.seed);
            }
            return Some(Delivery::Grant(path, event));
        }
        let next = self.tasks.iter().enumerate().min_by_key(|(_, (at, tick, _))| (*at, *tick));
        if let Some(index) = next.map(|(index, _)| index) {
            let (at, _, task) = self.tasks.remove(index);
            return Some(Delivery::Task(at, task));
        }
        let decision = self.state.clone().decide(self.state.clock(self.now));
        if !decision.events.is_empty() {
            // What was taken up last changed nothing, but time has passed.
            return Some(Delivery::Timer(self.now));
        }
        match decision.wake_at {
            Some(at) => Some(Delivery::Timer(at)),
            None if self.state.phase() == RunPhase::Ended => None,
            None => panic!(
                "seed {}: nothing goes on, yet the run is {:?}: {:?} {:#?} {:#?}",
                self.seed,
                self.state.phase(),
                self.interference,
                self.ends(),
                self.state.effects().collect::<Vec<_>>()
            ),
        }
    }

    fn interfere(&mut self) -> Vec<Event> {
        if self.state.awaits_admission() {
            return self.admission();
        }
        let cancelled = self.log.iter().any(|(_, kind, ..)| *kind == "cancel_requested");
        let started = |step: &str| {
            let path = self.plan.path(self.plan.position(step).unwrap());
            self.state.steps().any(|view| view.path.root() == path.root() && view.attempts > 0)
        };
        let due = match &self.interference {
            Interference::OnStartOf(step) => self.state.phase() == RunPhase::Body && started(step),
            Interference::Unwinding => self.state.phase() == RunPhase::Unwinding,
            Interference::WhenUncertain => {
                let uncertain = |id: &EffectId| self.state.effect_phase(id) == EffectPhase::Uncertain;
                self.state.phase() == RunPhase::Body && self.state.effects().any(|view| uncertain(&view.id))
            }
            Interference::Finalizing => self.state.phase() == RunPhase::Finalizing,
            Interference::WhenAwaiting => self.state.awaiting().next().is_some(),
            Interference::HoldingThenCancel(_) => self.held(),
            _ => false,
        };
        if due && !cancelled {
            return vec![cancel()];
        }
        let hold = match &self.interference {
            Interference::Holding(step) | Interference::HoldingThenCancel(step) => {
                self.state.phase() == RunPhase::Body && started(step)
            }
            Interference::HoldingFinally => self.state.phase() == RunPhase::Finalizing,
            _ => false,
        };
        if hold && !self.log.iter().any(|(_, kind, ..)| *kind == "run_paused") {
            return vec![self.state.pause(decided()).unwrap()];
        }
        let early = !self.schedule.is_calm() && Self::draw(self.seed, self.moment, 8) == 0;
        if self.held() && (self.tasks.is_empty() || early) {
            return vec![self.state.resume(decided()).unwrap()];
        }
        if self.state.compensation() == Compensation::Held {
            let kept = Draw::new(self.seed, "kept").chance(50);
            return vec![Event::HoldEnded { kept }];
        }
        let told = self.words();
        if !told.is_empty() && !self.held() {
            return told;
        }
        if let Some(path) = self.state.awaiting().next().filter(|_| !self.held()) {
            return vec![self.verdict(&path).event(&self.state, &path)];
        }
        // A person repairs what kept effects stuck, and asks to try again.
        let repairs = Draw::new(self.seed, "repairs").chance(50);
        if self.state.phase() == RunPhase::Ended && repairs {
            let stuck = self.state.effects().filter(|view| view.state == EffectState::Stuck);
            let asked: Vec<_> =
                stuck.map(|view| Event::UndoRequested { effect: view.id, by: "somebody".into() }).collect();
            self.world.repaired |= !asked.is_empty();
            return asked;
        }
        Vec::new()
    }

    /// The run's turn comes after a while, or not before its time runs out.
    fn admission(&mut self) -> Vec<Event> {
        let mut draw = Draw::new(self.seed, "admission");
        if draw.chance(15) {
            return Vec::new();
        }
        let later = self.now.as_millis() + i64::try_from(draw.below(5_000)).unwrap();
        self.now = Timestamp::from_millis(later);
        vec![Event::RunAdmitted {}]
    }

    /// Whether somebody holds the run.
    fn held(&self) -> bool {
        self.state.resume(decided()).is_ok()
    }

    /// What the outside says about a step that waits.
    fn words(&self) -> Vec<Event> {
        for (path, wait) in self.state.waiting() {
            let word = Word::of(self.seed, path.root());
            match wait {
                Wait::Event { name, .. } if word == Word::Yes => {
                    assert!(self.state.signal("nothing", &Value::Null, "x").is_err());
                    return self.state.signal(name, &7.into(), "somebody").unwrap();
                }
                Wait::Decision { .. } if word != Word::Silence => {
                    let said = |by: &str| {
                        self.state.vote(&path, by, &[format!("user:{by}")], word == Word::Yes, "so be it")
                    };
                    assert!(said("eve").is_err(), "seed {}: nobody asked her", self.seed);
                    return said("ada").or_else(|_| said("bob")).into_iter().collect();
                }
                _ => {}
            }
        }
        Vec::new()
    }

    /// What became of a run that a step started. Starting it twice is starting it once.
    fn child(&mut self, path: &StepPath, run: RunId, cancelled: bool) -> Option<Event> {
        let succeeds = Word::of(self.seed, path.root()) == Word::Yes && !cancelled;
        let ended = self.world.children.insert(run, true);
        let effect = self.state.effects().find(|view| view.child == Some(run)).unwrap().id;
        if ended.is_none() {
            self.world.there.insert(effect, succeeds);
        }
        let status = match (succeeds, cancelled) {
            (true, _) => RunStatus::Succeeded,
            (false, true) => RunStatus::Cancelled,
            (false, false) => RunStatus::Failed,
        };
        let compensation = if succeeds { Compensation::Held } else { Compensation::Complete };
        let end = ChildEnd { status, compensation, outputs: Outputs::new(), error: Some("it broke".into()) };
        self.state.child_ended(run, &end)
    }

    /// What somebody says about the paused step.
    fn verdict(&self, path: &StepPath) -> Verdict {
        let retried = self.log.iter().filter(|(_, kind, _, payload)| {
            *kind == "step_retried" && payload["path"] == json!(path.to_string())
        });
        let verdict = Verdict::of(self.seed, &path.to_string(), retried.count());
        match self.state.retry_paused(path, decided()) {
            Ok(_) => verdict,
            Err(error) => {
                assert_eq!(error, DecisionRefused::NeverStarted(path.clone()));
                verdict.without_retry()
            }
        }
    }

    /// Applies the events and all that follows, writes them, and only then lets the outside see anything.
    pub(super) fn commit(&mut self, events: Vec<Event>) -> Result<(), Stop> {
        let mark = self.log.len();
        self.direct = events.first().cloned();
        for event in events {
            self.write(event)?;
        }
        let mut commands = Vec::new();
        loop {
            let scratch =
                self.check_decisions.then(|| self.state.decide_from_scratch(self.state.clock(self.now)));
            let decision = self.state.decide(self.state.clock(self.now));
            if let Some(scratch) = scratch {
                assert_eq!(scratch.events, decision.events, "seed {}: not what scratch decides", self.seed);
                assert_eq!(scratch.wake_at, decision.wake_at, "seed {}", self.seed);
                let known = decision.commands.iter().all(|command| scratch.commands.contains(command));
                assert!(known, "seed {}: a command that does not follow from the state", self.seed);
                if scratch.events.is_empty() {
                    let outstanding = self.state.outstanding();
                    // In whatever order: the decision goes by steps, the other by what they are doing.
                    let (decided, due) = (&scratch.commands, &outstanding);
                    let same = decided.len() == due.len() && due.iter().all(|one| decided.contains(one));
                    assert!(same, "seed {}: {decided:?}, but {due:?} is due", self.seed);
                }
            }
            commands.extend(decision.commands);
            if decision.events.is_empty() {
                break;
            }
            for event in decision.events {
                self.write(event)?;
            }
        }
        if let Some(fault) = self.armed.take_if(|_| self.log.len() > mark) {
            self.note_since(mark, fault);
            if fault == Fault::Refused {
                self.log.truncate(mark);
            }
            return Err(Stop::Store);
        }
        for command in commands {
            self.execute(command);
        }
        Ok(())
    }

    pub(super) fn note(&mut self, kind: &str, fault: Fault) {
        let kind = EventKind::ALL.iter().find(|of| of.name() == kind).unwrap();
        *self.cells.entry((*kind, fault)).or_default() += 1;
    }

    /// All events from that one on have met the fault.
    pub(super) fn note_since(&mut self, from: usize, fault: Fault) {
        let kinds: Vec<_> = self.log[from.min(self.log.len())..].iter().map(|(_, kind, ..)| *kind).collect();
        for kind in kinds {
            self.note(kind, fault);
        }
    }

    fn write(&mut self, event: Event) -> Result<(), Stop> {
        let seq = self.state.seq() + 1;
        if self.crash == Crash::Before(seq) {
            return Err(Stop::Died);
        }
        self.cross(&event);
        let at = self.state.clock(self.now);
        if let Err(error) = self.state.apply(seq, at, &event) {
            panic!("seed {}: {error}", self.seed);
        }
        let (kind, v, payload) = event.to_parts();
        let text = payload.to_string();
        assert!(text.len() <= 65_536 + 4_096, "seed {}: {kind} takes {} bytes", self.seed, text.len());
        assert_eq!(Event::from_parts(kind, v, payload.clone()), Ok(event), "seed {}", self.seed);
        self.log.push((at, kind, v, payload));
        // What is written while something else is missing, overtaken, or spoken by somebody who was given up.
        let held: BTreeSet<u64> = self.state.running().map(|running| running.token).collect();
        let stale = |task: &Task| matches!(task, Task::Attempt(of) if !held.contains(&of.token));
        let lost = |task: &Task| matches!(task, Task::Expire(..) | Task::Again(_));
        let late = |task: &Task| matches!(task, Task::Late(_));
        let calm = self.schedule.is_calm();
        let any = |is: &dyn Fn(&Task) -> bool| !calm && self.tasks.iter().any(|(_, _, task)| is(task));
        let met = [(any(&lost), Fault::Lost), (any(&late), Fault::Overtaken), (any(&stale), Fault::Slow)];
        for (met, fault) in met {
            if met {
                self.note(kind, fault);
            }
        }
        if self.crash == Crash::After(seq) && !self.schedule.is_calm() {
            self.note(kind, Fault::Crash);
        }
        if self.crash == Crash::After(seq) { Err(Stop::Died) } else { Ok(()) }
    }

    fn cross(&mut self, event: &Event) {
        let kind = event.kind();
        let run = self.state.phase();
        self.crossed.extend(next_run(run, kind).map(|to| Transition::Run(run, kind, to)));
        for subject in subjects(event) {
            match subject {
                Subject::Step(path) => {
                    let from = self.state.step_phase(&path).unwrap();
                    let to = next_step(from, kind);
                    self.crossed.extend(to.map(|to| Transition::Step(from, kind, to)));
                }
                Subject::Effect(id) => {
                    let from = self.state.effect_phase(&id);
                    let to = next_effect(from, kind);
                    self.crossed.extend(to.map(|to| Transition::Effect(from, kind, to)));
                }
            }
        }
    }

    pub(super) fn later(&mut self, millis: i64, task: Task) {
        self.tick += 1;
        let at = Timestamp::from_millis(self.now.as_millis() + millis);
        self.tasks.push((at, self.tick, task));
    }

    /// A worker begins with the attempt that was just granted.
    pub(super) fn attend(&mut self, path: &StepPath) {
        let Some(running) = self.state.running().find(|running| running.path == *path) else { return };
        let behaviour = self.behaviour(path);
        let mut moves = VecDeque::new();
        let hangs = self.interference == Interference::DeadlineIn(path.root().to_owned());
        if hangs {
            self.hanging.insert(running.token);
            moves.push_back(Move::Hang);
        } else {
            moves.extend(behaviour.effects.iter().map(|(name, making)| Move::Begin(name, *making)));
            if behaviour.falls_silent && running.attempt == 1 {
                moves.push_back(Move::FallSilent);
            }
            moves.push_back(Move::Report(self.report(path, &behaviour)));
        }
        let attempt = Attempt { path: path.clone(), token: running.token, moves };
        self.later(behaviour.pace, Task::Attempt(attempt));
    }

    fn behaviour(&self, path: &StepPath) -> Behaviour {
        Behaviour::of(self.seed, &path.to_string())
    }

    fn report(&self, path: &StepPath, behaviour: &Behaviour) -> Report {
        let failed = self.log.iter().filter(|(_, kind, _, payload)| {
            *kind == "attempt_failed" && payload["path"] == json!(path.to_string())
        });
        if failed.count() < behaviour.failures as usize {
            if behaviour.times_out {
                return Report::TimedOut;
            }
            return Report::Failed(Failure::new(behaviour.class, "it did not work"));
        }
        let items = Value::List(vec![1.into(), 2.into()]);
        let number = if behaviour.breaks_promise { Value::from("seven") } else { 7.into() };
        let outputs = Outputs::from([("number".to_owned(), number), ("items".to_owned(), items)]);
        let cached =
            behaviour.cached.then(|| CachedFrom { run: RunId::from(self.ids.uuid()), path: path.clone() });
        let outside = Outside::Of(format!("what {path} reads"));
        let key = behaviour.cached.then(|| CacheKey { digest: Digest::of(path.to_string()), outside });
        Report::Succeeded { outputs, cached, key }
    }

    pub(super) fn act(&mut self, mut attempt: Attempt) -> Result<(), Stop> {
        let Some(next) = attempt.moves.pop_front() else { return Ok(()) };
        let Attempt { path, token, .. } = attempt.clone();
        if !self.state.running().any(|running| running.token == token) && !matches!(next, Move::Hang) {
            // It was given up, and nobody has told it yet.
            assert!(!self.schedule.is_calm(), "seed {}: {path} lost its lease without a cause", self.seed);
            let refused = self.state.conclude(&path, token, Report::Cancelled).is_err()
                && self.state.begin_effect(&path, token, "first", Json::Null).is_err()
                && self.state.effect_made(&path, token, "first", Json::Null).is_err()
                && self.state.effect_absent(&path, token, "first").is_err();
            assert!(refused, "seed {}: {path} is heard although it lost its lease", self.seed);
            return Ok(());
        }
        match next {
            Move::Begin(name, making) => {
                match self.state.begin_effect(&path, token, name, json!({ "wants": name })) {
                    Ok(Begin::Record(event)) => {
                        self.commit(vec![event])?;
                        self.goes_on(&mut attempt, name, making);
                    }
                    Ok(Begin::Known(known)) if known.state == EffectState::Made => {}
                    // It had asked, and the answer was lost.
                    Ok(Begin::Known(known)) => {
                        assert!(known.state == EffectState::Intended && !self.schedule.is_calm());
                        self.goes_on(&mut attempt, name, making);
                    }
                    Err(JournalRefusal::Halted(_)) => {}
                    Err(error) => panic!("seed {}: {error}", self.seed),
                }
            }
            Move::Make(id) => {
                let was = self.world.there.insert(id.clone(), true);
                assert_ne!(was, Some(true), "seed {}: {id} is made twice", self.seed);
            }
            Move::Say(name, handle) if self.state.journal_has(&path, token, name, Some(&handle)) => {}
            Move::Deny(name) if self.state.journal_has(&path, token, name, None) => {}
            Move::Say(name, handle) => {
                let event = self.state.effect_made(&path, token, name, handle).unwrap();
                self.commit(vec![event])?;
            }
            Move::Deny(name) => {
                let event = self.state.effect_absent(&path, token, name).unwrap();
                self.commit(vec![event])?;
            }
            Move::Hang => return Ok(()),
            Move::FallSilent => {
                let event = self.state.conclude(&path, token, Report::Lost).unwrap();
                self.commit(vec![event])?;
                assert!(self.state.conclude(&path, token, Report::Cancelled).is_err());
                assert!(self.state.begin_effect(&path, token, "first", Json::Null).is_err());
                return Ok(());
            }
            Move::Report(report) => {
                let event = self.state.conclude(&path, token, report).unwrap();
                return self.commit(vec![event]);
            }
        }
        let pace = self.behaviour(&path).pace;
        self.later(pace, Task::Attempt(attempt));
        Ok(())
    }

    /// What an attempt does once its intent is durable.
    fn goes_on(&self, attempt: &mut Attempt, name: &'static str, making: Making) {
        let id = EffectId { path: attempt.path.clone(), name: name.into() };
        // The answer may come twice: then it is there already.
        let there = self.world.there.get(&id).copied().unwrap_or(false);
        let handle = json!({ "made_by": attempt.token });
        match making {
            Making::Properly => {
                attempt.moves.push_front(Move::Say(name, handle));
                if !there {
                    attempt.moves.push_front(Move::Make(id));
                }
            }
            Making::Silently if there => {}
            Making::Silently => attempt.moves.push_front(Move::Make(id)),
            Making::Given => attempt.moves.push_front(Move::Deny(name)),
            Making::Forgotten => {}
        }
    }

    /// Takes up a command, unless the same is under way.
    pub(super) fn execute(&mut self, command: Command) {
        let under_way = |task: &Task| task.command() == Some(&command);
        if !self.tasks.iter().any(|(_, _, task)| under_way(task)) {
            let pace = 1 + i64::try_from(Draw::new(self.seed, &format!("{command:?}")).below(40)).unwrap();
            self.later(pace, Task::Command(command));
        }
    }

    pub(super) fn answer(&mut self, command: &Command) -> Result<(), Stop> {
        match self.reply(command) {
            Some(event) => self.commit(vec![event]),
            None => Ok(()),
        }
    }

    /// Does what the command says, and gives the event that answers it.
    pub(super) fn reply(&mut self, command: &Command) -> Option<Event> {
        let event = match command {
            Command::CancelAttempt { path, token, .. } => {
                let on_cancel = self.behaviour(path).on_cancel;
                let mine = |task: &Task| {
                    matches!(task, Task::Attempt(other) if other.token == *token)
                        || matches!(task, Task::Late(late) if late.token() == Some(*token))
                };
                let held = self.state.running().any(|running| running.token == *token);
                let hangs = self.interference == Interference::DeadlineIn(path.root().to_owned());
                if !held || (on_cancel == 2 && !hangs) {
                    return None;
                }
                self.tasks.retain(|(_, _, task)| !mine(task));
                let report = if on_cancel == 1 && !hangs {
                    Report::Failed(Failure::new(ErrorClass::Transient, "it was stopped in the middle"))
                } else {
                    Report::Cancelled
                };
                self.state.conclude(path, *token, report).unwrap()
            }
            Command::ProbeEffect { effect } => {
                if self.state.effect_phase(effect) != EffectPhase::Intended {
                    return None;
                }
                let there = self.world.there.get(effect).copied().unwrap_or(false);
                let effect = effect.clone();
                let event = match (tells(self.seed, &effect), there) {
                    (true, true) => Event::EffectMade { effect, handle: json!("found"), token: None },
                    (true, false) => Event::EffectAbsent { effect, token: None },
                    (false, _) => Event::EffectUncertain { effect, reason: "nobody tells".into() },
                };
                // By now the next attempt may have begun it anew: then the state machine refuses the answer.
                let mut state = self.state.clone();
                let late = state.apply(state.seq() + 1, state.clock(self.now), &event).is_err();
                assert!(!late || !self.schedule.is_calm(), "seed {}: {event:?} comes late", self.seed);
                if late {
                    return None;
                }
                event
            }
            Command::UndoEffect { effect, nth } | Command::TakeBackRun { effect, nth, .. } => {
                let asked = self.state.effect_of(effect).is_some_and(|view| view.tries == *nth);
                if !asked || self.state.effect_phase(effect) != EffectPhase::Undoing {
                    return None;
                }
                self.undo(effect, *nth)
            }
            Command::StartRun { path, run, .. } => self.child(path, *run, false)?,
            Command::CancelRun { run } => {
                let waits =
                    |(_, wait): &(StepPath, &Wait)| matches!(wait, Wait::Run { run: of, .. } if of == run);
                let path = self.state.waiting().find(waits).map(|(path, _)| path)?;
                self.child(&path, *run, !self.world.children.contains_key(run))?
            }
        };
        Some(event)
    }

    fn undo(&mut self, effect: &EffectId, nth: u32) -> Event {
        let failed = |class| Failure::new(class, "it does not go away").help("remove it by hand");
        let undoing = Undoing::of(self.seed, effect);
        let error = match undoing {
            _ if self.world.repaired => None,
            Undoing::WorksAfter(tries) => (nth <= tries).then(|| failed(ErrorClass::Transient)),
            Undoing::NeverUntilRepaired => Some(failed(ErrorClass::Transient)),
            Undoing::Hopeless => Some(failed(ErrorClass::Permanent)),
            Undoing::Superseded => None,
        };
        if let Some(error) = error {
            return self.state.undo_failed(effect, error).unwrap();
        }
        self.world.there.insert(effect.clone(), false);
        let effect = effect.clone();
        if undoing == Undoing::Superseded {
            Event::EffectSuperseded { effect, found: "another one".into() }
        } else {
            Event::EffectUndone { effect }
        }
    }

    /// How each step ended, as far as it does not depend on which instance failed first.
    pub(crate) fn ends(&self) -> Vec<(String, StepStatus)> {
        let ends = self.state.steps().filter_map(|view| {
            let step = self.plan.step(view.position);
            let whole = view.path.segments()[0].instance.is_none();
            let status = match view.status {
                StepStatus::TimedOut if step.fail_fast => StepStatus::Failed,
                other => other,
            };
            (whole || !step.fail_fast).then(|| (view.path.to_string(), status))
        });
        ends.collect()
    }
}

fn cancel() -> Event {
    Event::CancelRequested { by: "somebody".into(), reason: None }
}

enum Subject {
    Step(StepPath),
    Effect(EffectId),
}

/// What an event is about, read from its stored form.
fn subjects(event: &Event) -> Vec<Subject> {
    let (_, _, payload) = event.to_parts();
    let effect = |json: &Json| serde_json::from_value(json.clone()).map(Subject::Effect).ok();
    let many = payload["effects"].as_array().map(Vec::as_slice).unwrap_or_default();
    let path = payload["path"].as_str().map(|path| Subject::Step(path.parse().unwrap()));
    effect(&payload["effect"]).into_iter().chain(many.iter().filter_map(effect)).chain(path).collect()
}
