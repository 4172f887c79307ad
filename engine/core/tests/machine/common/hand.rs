//! A run driven by hand, one word at a time.

use std::sync::Arc;

use engine_core::plan::Plan;
use engine_core::run::{
    Begin, Command, EffectId, Event, Failure, IllegalTransition, Origin, Parent, Report, RunCreated,
    RunLimits, RunState,
};
use serde_json::json;
use vocab::{
    EffectState, ErrorClass, IdSource, Inputs, Outputs, RunId, SeededIds, StepPath, StepStatus, Timestamp,
    Value, WorkerId,
};

/// A run, its virtual clock, all that was decided so far.
pub(crate) struct Hand {
    pub(crate) state: RunState,
    pub(crate) now: i64,
    pub(crate) history: Vec<Event>,
    pub(crate) commands: Vec<Command>,
    worker: WorkerId,
}

pub(crate) fn path(text: &str) -> StepPath {
    text.parse().unwrap()
}

pub(crate) fn effect(text: &str) -> EffectId {
    let (step, name) = text.split_once('/').unwrap();
    EffectId { path: path(step), name: name.into() }
}

impl Hand {
    pub(crate) fn new(plan: Plan) -> Self {
        Self::with(plan, RunLimits { undo_attempts: 2, ..RunLimits::default() })
    }

    /// A run that somebody started.
    pub(crate) fn by(plan: Plan, actor: &str) -> Self {
        let origin = Origin { kind: "manual".into(), actor: Some(actor.into()), ..Origin::default() };
        Self::started(plan, RunLimits::default(), origin, None, Vec::new(), false)
    }

    /// A run that another one started.
    pub(crate) fn of_parent(plan: Plan, parent: Parent) -> Self {
        let origin = Origin { kind: "manual".into(), ..Origin::default() };
        Self::started(plan, RunLimits::default(), origin, Some(parent), Vec::new(), false)
    }

    pub(crate) fn with(plan: Plan, limits: RunLimits) -> Self {
        Self::started(
            plan,
            limits,
            Origin { kind: "manual".into(), ..Origin::default() },
            None,
            Vec::new(),
            false,
        )
    }

    /// A run that takes over from an earlier one.
    pub(crate) fn taking(plan: Plan, taken: Vec<Event>) -> Self {
        Self::started(plan, RunLimits::default(), Origin::default(), None, taken, false)
    }

    /// A run that waits for its turn.
    pub(crate) fn waiting(plan: Plan) -> Self {
        let origin = Origin { kind: "manual".into(), ..Origin::default() };
        Self::started(plan, RunLimits::default(), origin, None, Vec::new(), true)
    }

    fn started(
        plan: Plan,
        limits: RunLimits,
        origin: Origin,
        parent: Option<Parent>,
        taken: Vec<Event>,
        waits: bool,
    ) -> Self {
        let ids = SeededIds::default();
        let created = RunCreated {
            run: RunId::from(ids.uuid()),
            plan: plan.digest(),
            inputs: Inputs::new(),
            origin,
            deadline: Some(Timestamp::from_millis(3_600_000)),
            limits,
            parent,
            group: None,
            waits,
            context: serde_json::Value::Null,
        };
        let mut hand = Self {
            state: RunState::new(Arc::new(plan)),
            now: 0,
            history: Vec::new(),
            commands: Vec::new(),
            worker: WorkerId::generate(&ids),
        };
        hand.try_tell_all([Event::RunCreated(Box::new(created))].into_iter().chain(taken)).unwrap();
        hand
    }

    pub(crate) fn try_tell(&mut self, event: Event) -> Result<(), IllegalTransition> {
        self.try_tell_all([event])
    }

    /// Several at once: nothing is decided before the last.
    fn try_tell_all(&mut self, events: impl IntoIterator<Item = Event>) -> Result<(), IllegalTransition> {
        let now = Timestamp::from_millis(self.now);
        for event in events {
            self.state.apply(self.state.seq() + 1, now, &event)?;
            self.history.push(event);
        }
        loop {
            let decision = self.state.decide(now);
            self.commands.extend(decision.commands);
            if decision.events.is_empty() {
                return Ok(());
            }
            for event in decision.events {
                self.state.apply(self.state.seq() + 1, now, &event)?;
                self.history.push(event);
            }
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.try_tell(event).unwrap();
    }

    /// Lets time pass until the next timer.
    pub(crate) fn wait(&mut self) {
        let wake = self.state.decide(Timestamp::from_millis(self.now)).wake_at.unwrap();
        self.now = wake.as_millis();
        let decision = self.state.decide(wake);
        self.commands.extend(decision.commands);
        for event in decision.events {
            self.tell(event);
        }
    }

    pub(crate) fn start(&mut self, step: &str) -> u64 {
        let ready = self.state.ready().find(|ready| ready.path == path(step));
        let event = ready.unwrap_or_else(|| panic!("{step} is not ready")).start(self.worker);
        self.tell(event);
        self.token(step)
    }

    pub(crate) fn token(&self, step: &str) -> u64 {
        self.state.running().find(|running| running.path == path(step)).unwrap().token
    }

    pub(crate) fn report(&mut self, step: &str, report: Report) {
        let event = self.state.conclude(&path(step), self.token(step), report).unwrap();
        self.tell(event);
    }

    pub(crate) fn succeed(&mut self, step: &str) {
        self.start(step);
        self.finish(step);
    }

    pub(crate) fn finish(&mut self, step: &str) {
        self.report(step, Report::Succeeded { outputs: outputs(7), cached: None, key: None });
    }

    pub(crate) fn fail(&mut self, step: &str, class: ErrorClass) {
        self.start(step);
        self.report(step, Report::Failed(Failure::new(class, "it broke")));
    }

    /// The running attempt makes an effect.
    pub(crate) fn make(&mut self, id: &str) {
        self.intend(id);
        let EffectId { path, name } = effect(id);
        let token = self.token(&path.to_string());
        let event = self.state.effect_made(&path, token, &name, json!(id)).unwrap();
        self.tell(event);
    }

    pub(crate) fn intend(&mut self, id: &str) {
        let EffectId { path, name } = effect(id);
        let token = self.token(&path.to_string());
        let Begin::Record(event) = self.state.begin_effect(&path, token, &name, json!({})).unwrap() else {
            panic!("{id} is known already");
        };
        self.tell(event);
    }

    pub(crate) fn undone(&mut self, id: &str) {
        self.tell(Event::EffectUndone { effect: effect(id) });
    }

    pub(crate) fn undo_fails(&mut self, id: &str, class: ErrorClass) {
        let event = self.state.undo_failed(&effect(id), Failure::new(class, "it stays")).unwrap();
        self.tell(event);
    }

    pub(crate) fn status(&self, step: &str) -> StepStatus {
        self.state.step_status(&path(step)).unwrap()
    }

    pub(crate) fn effect_state(&self, id: &str) -> EffectState {
        self.state.effect_of(&effect(id)).unwrap().state
    }

    /// The effects whose undoing has begun and not ended.
    pub(crate) fn undoing(&self) -> Vec<String> {
        let under_way = self.state.outstanding().into_iter().filter_map(|command| match command {
            Command::UndoEffect { effect, .. } => Some(effect.to_string()),
            _ => None,
        });
        under_way.collect()
    }
}

pub(crate) fn outputs(number: i64) -> Outputs {
    let items = Value::List(vec![1.into(), 2.into()]);
    Outputs::from([("number".to_owned(), number.into()), ("items".to_owned(), items)])
}
