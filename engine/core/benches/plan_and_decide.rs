//! How long it takes to plan large workflows and to decide them to the end, each step succeeding at once.
//!
//! `cargo bench -p engine-core`; figures are CPU seconds of this process, without any store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use engine_core::plan::{Plan, PlanAction, PlanPort, PlanSpec, PlanStep};
use engine_core::run::{Begin, Command, Event, Failure, Origin, Report, RunCreated, RunLimits, RunState};
use lang::{Expr, ExprKind, Reference, Span, Template};
use serde_json::Value as Json;
use vocab::{
    ActionRef, Caching, Compensation, ErrorClass, IdSource, Inputs, Isolation, IsolationRule, Outputs, RunId,
    RunStatus, SeededIds, Timestamp, Type, Value, WorkerId,
};

#[expect(clippy::print_stdout, reason = "a program whose purpose is to print figures")]
fn main() {
    for (name, spec) in [
        ("10,000 steps in layers, three needs each", layered(10_000, 100)),
        ("a chain of 10,000 steps", layered(10_000, 1)),
        ("one step expanded 1,000 times, and a join", expanded(1_000)),
        ("one step expanded 5,000 times, and a join", expanded(5_000)),
    ] {
        let start = cpu_seconds();
        let plan = Plan::new(spec).expect("the workflow of the bench is sound");
        let planned = cpu_seconds();
        let events = drive(Arc::new(plan), false);
        let decided = cpu_seconds();
        println!(
            "{name}: planned in {:.1} ms, decided in {:.3} s ({events} events, {:.1} us each)",
            (planned - start) * 1e3,
            decided - planned,
            (decided - planned) * 1e6 / f64::from(events),
        );
    }
    let plan = Plan::new(layered(10_000, 100)).expect("the workflow of the bench is sound");
    let start = cpu_seconds();
    let events = drive(Arc::new(plan), true);
    let seconds = cpu_seconds() - start;
    println!(
        "10,000 steps in layers, an effect each, the last step fails, all undone: {seconds:.3} s ({events} events, \
         {:.1} us each)",
        seconds * 1e6 / f64::from(events),
    );
}

/// Steps in layers of `width`, each with up to three needs in the layer before, and an input from one of them.
fn layered(count: usize, width: usize) -> PlanSpec {
    let steps = (0..count).map(|number| {
        let mut step = PlanStep::new(format!("s{number}"), action());
        let layer = number / width;
        if layer > 0 {
            let before = (layer - 1) * width;
            let mut needs: Vec<_> =
                (0..3).map(|more| format!("s{}", before + (number + more * 7) % width)).collect();
            needs.sort();
            needs.dedup();
            step.inputs.insert("value".into(), read(&needs[0]));
            step.needs = needs;
        }
        step
    });
    spec(steps.collect())
}

/// A step over a list of `count` items, and one that reads all its outputs.
fn expanded(count: i64) -> PlanSpec {
    let mut many = PlanStep::new("many", action());
    many.for_each = Some(Template::Literal(Value::List((0..count).map(Value::from).collect())));
    let mut join = PlanStep::new("join", action());
    join.needs = vec!["many".into()];
    join.inputs.insert("value".into(), read("many"));
    spec(vec![many, join])
}

fn read(step: &str) -> Template {
    let kind = ExprKind::Reference(Reference::Output { step: step.into(), output: "value".into() });
    Template::Expr(Expr { kind, span: Span::default() })
}

fn spec(steps: Vec<PlanStep>) -> PlanSpec {
    let port = |required| PlanPort { name: "value".into(), ty: Type::Any, required, default: None };
    let action_known = PlanAction {
        inputs: vec![port(false)],
        outputs: vec![port(true)],
        caching: Caching::Auto,
        effects: vec!["made".into()],
        isolation: IsolationRule::always(Isolation::Internal),
        wait: None,
    };
    PlanSpec {
        name: "bench".into(),
        actions: BTreeMap::from([(action(), action_known)]),
        steps,
        finally: Vec::new(),
        workflows: BTreeMap::new(),
        outputs: BTreeMap::new(),
        timeout_millis: None,
        concurrency: None,
        priority: 0,
    }
}

fn action() -> ActionRef {
    "bench/none@v1".parse().expect("the name is sound")
}

/// Runs the plan to its end; every step succeeds as soon as it may start. With `undo`, each makes an effect, the last
/// one fails, and everything is undone. Gives the number of events.
fn drive(plan: Arc<Plan>, undo: bool) -> u32 {
    let ids = SeededIds::default();
    let worker = WorkerId::generate(&ids);
    let created = RunCreated {
        run: RunId::from(ids.uuid()),
        plan: plan.digest(),
        inputs: Inputs::new(),
        origin: Origin::default(),
        deadline: None,
        limits: RunLimits::default(),
        parent: None,
        group: None,
        waits: false,
        context: serde_json::Value::Null,
    };
    let mut left = plan.len();
    let mut state = RunState::new(plan);
    let mut commands = VecDeque::new();
    commit(&mut state, &Event::RunCreated(Box::new(created)), &mut commands);
    while let Some((path, start)) = state.next_ready().map(|ready| (ready.path.clone(), ready.start(worker)))
    {
        let token = commit(&mut state, &start, &mut commands);
        if undo {
            let begun = state.begin_effect(&path, token, "made", Json::Null).expect("it may make effects");
            let Begin::Record(intent) = begun else { unreachable!("the journal is empty for each step") };
            commit(&mut state, &intent, &mut commands);
            let made = state.effect_made(&path, token, "made", Json::Null).expect("the intent is open");
            commit(&mut state, &made, &mut commands);
        }
        left = left.saturating_sub(1);
        let report = if undo && left == 0 {
            Report::Failed(Failure::new(ErrorClass::Permanent, "the end"))
        } else {
            Report::Succeeded {
                outputs: Outputs::from([("value".to_owned(), Value::from(1))]),
                cached: None,
                key: None,
            }
        };
        let event = state.conclude(&path, token, report).expect("the attempt holds its lease");
        commit(&mut state, &event, &mut commands);
        state.mark_saved();
    }
    while let Some(command) = commands.pop_front() {
        let Command::UndoEffect { effect, .. } = command else { unreachable!("nothing else is asked for") };
        commit(&mut state, &Event::EffectUndone { effect }, &mut commands);
        state.mark_saved();
    }
    assert_eq!(state.status(), if undo { RunStatus::Failed } else { RunStatus::Succeeded });
    assert_eq!(state.compensation(), if undo { Compensation::Complete } else { Compensation::NotNeeded });
    u32::try_from(state.seq()).expect("the bench is not that long")
}

/// Applies the event and all that follows from it. Gives the event's sequence number.
fn commit(state: &mut RunState, event: &Event, commands: &mut VecDeque<Command>) -> u64 {
    let now = Timestamp::from_millis(0);
    let seq = state.seq() + 1;
    state.apply(seq, now, event).expect("the event fits");
    loop {
        let decision = state.decide(now);
        commands.extend(decision.commands);
        if decision.events.is_empty() {
            return seq;
        }
        for event in &decision.events {
            state.apply(state.seq() + 1, now, event).expect("what was decided fits");
        }
    }
}

/// CPU time of this thread so far, in seconds, as Linux counts it.
fn cpu_seconds() -> f64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts CPU time");
    let nanos = line.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    nanos.expect("the first number is CPU time in nanoseconds") / 1e9
}
