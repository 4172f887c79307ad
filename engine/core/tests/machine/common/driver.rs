//! A toy driver: durable log, virtual time, one crash where the test wants it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use engine_core::plan::Plan;
use engine_core::run::{
    Begin, CacheKey, CachedFrom, ChildEnd, Command, DecisionRefused, EffectId, EffectPhase, Event, Failure,
    JournalRefusal, Origin, Outside, Parent, Report, RunCreated, RunLimits, RunPhase, RunState, Transition,
    Wait, next_effect, next_run, next_step,
};
use serde_json::{Value as Json, json};
use vocab::{
    Compensation, Digest, EffectState, ErrorClass, IdSource, Inputs, OnNew, Outputs, RunGroup, RunId,
    RunStatus, SeededIds, StepPath, StepStatus, Timestamp, Value, WorkerId,
};

use super::draw::Draw;
use super::faults::{Crash, Interference};
use super::person::{Verdict, Word, decided};
use super::world::{Behaviour, Making, Undoing, World, tells};

struct Died;

/// One thing that goes on outside the engine.
#[derive(Debug, Clone)]
enum Task {
    Attempt(Attempt),
    Command(Command),
}

#[derive(Debug, Clone)]
struct Attempt {
    path: StepPath,
    token: u64,
    moves: VecDeque<Move>,
}

#[derive(Debug, Clone)]
enum Move {
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
    crash: Crash,
    now: Timestamp,
    worker: WorkerId,
    ids: SeededIds,
    slots: usize,
    tasks: Vec<(Timestamp, u64, Task)>,
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

    /// Runs to the end, through the crash if there is one.
    pub(crate) fn run(mut self) -> Self {
        let mut next = self.start();
        for _ in 0..3 {
            match next.and_then(|()| self.go_on()) {
                Ok(()) => return self,
                Err(Died) => next = self.recover(),
            }
        }
        panic!("seed {}: the run did not end after its crash", self.seed);
    }

    fn start(&mut self) -> Result<(), Died> {
        let limits = RunLimits { undo_attempts: 3, ..RunLimits::default() };
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
        self.commit(first)
    }

    /// A new process: all it has is the log and the outside.
    fn recover(&mut self) -> Result<(), Died> {
        self.crash = Crash::Never;
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

    fn go_on(&mut self) -> Result<(), Died> {
        for _ in 0..100_000 {
            let events = self.interfere();
            if !events.is_empty() {
                self.commit(events)?;
                continue;
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
                self.commit(vec![event])?;
                self.attend(&path);
                continue;
            }
            let next = self.tasks.iter().enumerate().min_by_key(|(_, (at, tick, _))| (*at, *tick));
            if let Some(index) = next.map(|(index, _)| index) {
                let (at, _, task) = self.tasks.remove(index);
                self.now = self.now.max(at);
                match task {
                    Task::Attempt(attempt) => self.act(attempt)?,
                    Task::Command(command) => self.answer(&command)?,
                }
                continue;
            }
            match self.state.clone().decide(self.now).wake_at {
                Some(at) => {
                    self.now = at;
                    self.commit(Vec::new())?;
                }
                None if self.state.phase() == RunPhase::Ended => return Ok(()),
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
        panic!("seed {}: the run does not end", self.seed)
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
        if self.held() && self.tasks.is_empty() {
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
    fn commit(&mut self, events: Vec<Event>) -> Result<(), Died> {
        for event in events {
            self.write(event)?;
        }
        let mut commands = Vec::new();
        loop {
            let scratch = self.check_decisions.then(|| self.state.decide_from_scratch(self.now));
            let decision = self.state.decide(self.now);
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
        for command in commands {
            self.execute(command);
        }
        Ok(())
    }

    fn write(&mut self, event: Event) -> Result<(), Died> {
        let seq = self.state.seq() + 1;
        if self.crash == Crash::Before(seq) {
            return Err(Died);
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
        if self.crash == Crash::After(seq) { Err(Died) } else { Ok(()) }
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

    fn later(&mut self, millis: i64, task: Task) {
        self.tick += 1;
        let at = Timestamp::from_millis(self.now.as_millis() + millis);
        self.tasks.push((at, self.tick, task));
    }

    /// A worker begins with the attempt that was just granted.
    fn attend(&mut self, path: &StepPath) {
        let Some(running) = self.state.running().find(|running| running.path == *path) else { return };
        let behaviour = self.behaviour(path);
        let mut moves = VecDeque::new();
        let hangs = self.interference == Interference::DeadlineIn(path.root().to_owned());
        if hangs {
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

    fn act(&mut self, mut attempt: Attempt) -> Result<(), Died> {
        let Some(next) = attempt.moves.pop_front() else { return Ok(()) };
        let Attempt { path, token, .. } = attempt.clone();
        match next {
            Move::Begin(name, making) => {
                match self.state.begin_effect(&path, token, name, json!({ "wants": name })) {
                    Ok(Begin::Record(event)) => {
                        self.commit(vec![event])?;
                        let id = EffectId { path: path.clone(), name: name.into() };
                        let handle = json!({ "made_by": token });
                        match making {
                            Making::Properly => {
                                attempt.moves.push_front(Move::Say(name, handle));
                                attempt.moves.push_front(Move::Make(id));
                            }
                            Making::Silently => attempt.moves.push_front(Move::Make(id)),
                            Making::Given => attempt.moves.push_front(Move::Deny(name)),
                            Making::Forgotten => {}
                        }
                    }
                    Ok(Begin::Known(known)) => assert_eq!(known.state, EffectState::Made),
                    Err(JournalRefusal::Halted(_)) => {}
                    Err(error) => panic!("seed {}: {error}", self.seed),
                }
            }
            Move::Make(id) => {
                let was = self.world.there.insert(id.clone(), true);
                assert_ne!(was, Some(true), "seed {}: {id} is made twice", self.seed);
            }
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

    /// Takes up a command, unless the same is under way.
    fn execute(&mut self, command: Command) {
        let under_way = |task: &Task| matches!(task, Task::Command(other) if *other == command);
        if !self.tasks.iter().any(|(_, _, task)| under_way(task)) {
            let pace = 1 + i64::try_from(Draw::new(self.seed, &format!("{command:?}")).below(40)).unwrap();
            self.later(pace, Task::Command(command));
        }
    }

    fn answer(&mut self, command: &Command) -> Result<(), Died> {
        let event = match command {
            Command::CancelAttempt { path, token, .. } => {
                let on_cancel = self.behaviour(path).on_cancel;
                let mine = |task: &Task| matches!(task, Task::Attempt(other) if other.token == *token);
                let held = self.state.running().any(|running| running.token == *token);
                let hangs = self.interference == Interference::DeadlineIn(path.root().to_owned());
                if !held || (on_cancel == 2 && !hangs) {
                    return Ok(());
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
                    return Ok(());
                }
                let there = self.world.there.get(effect).copied().unwrap_or(false);
                let effect = effect.clone();
                match (tells(self.seed, &effect), there) {
                    (true, true) => Event::EffectMade { effect, handle: json!("found"), token: None },
                    (true, false) => Event::EffectAbsent { effect, token: None },
                    (false, _) => Event::EffectUncertain { effect, reason: "nobody tells".into() },
                }
            }
            Command::UndoEffect { effect, nth } | Command::TakeBackRun { effect, nth, .. } => {
                self.undo(effect, *nth)
            }
            Command::StartRun { path, run, .. } => match self.child(&path.clone(), *run, false) {
                Some(event) => event,
                None => return Ok(()),
            },
            Command::CancelRun { run } => {
                let waits =
                    |(_, wait): &(StepPath, &Wait)| matches!(wait, Wait::Run { run: of, .. } if of == run);
                let Some(path) = self.state.waiting().find(waits).map(|(path, _)| path) else {
                    return Ok(());
                };
                match self.child(&path, *run, !self.world.children.contains_key(run)) {
                    Some(event) => event,
                    None => return Ok(()),
                }
            }
        };
        self.commit(vec![event])
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
