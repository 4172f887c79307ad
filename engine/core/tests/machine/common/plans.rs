//! Plans for tests, built by hand or drawn from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use engine_core::plan::{Matrix, Plan, PlanAction, PlanPort, PlanSpec, PlanStep};
use lang::{Backoff, BinaryOp, Expr, ExprKind, OnFailure, Reference, Retry, Span, StatusFunction, Template};
use vocab::{ActionRef, Caching, ErrorClass, Isolation, IsolationRule, Type, Value, WaitKind};

use super::draw::Draw;

/// The one action of these tests. It takes anything, gives a number and a list, and may make two effects.
pub(crate) fn action() -> ActionRef {
    "test/work@v1".parse().unwrap()
}

pub(crate) fn manifest() -> PlanAction {
    let port = |name: &str, ty: Type, required| PlanPort { name: name.into(), ty, required, default: None };
    PlanAction {
        inputs: vec![port("after", Type::Any, false)],
        outputs: vec![port("number", Type::Integer, true), port("items", Type::list(Type::Integer), true)],
        caching: Caching::Auto,
        effects: vec!["first".into(), "second".into()],
        isolation: IsolationRule::always(Isolation::Internal),
        wait: None,
    }
}

/// Actions that wait, and what for.
pub(crate) const WAITS: [(&str, WaitKind); 4] = [
    ("test/time@v1", WaitKind::Time),
    ("test/event@v1", WaitKind::Event),
    ("test/ask@v1", WaitKind::Decision),
    ("test/run@v1", WaitKind::Run),
];

/// What the step's action waits for.
pub(crate) fn waits(step: &PlanStep) -> Option<WaitKind> {
    WAITS.iter().find(|(name, _)| step.uses.to_string() == *name).map(|(_, kind)| *kind)
}

fn waiting(kind: WaitKind) -> PlanAction {
    let port = |name: &str| PlanPort { name: name.into(), ty: Type::Any, required: false, default: None };
    let inputs =
        ["after", "for", "name", "within", "approvers", "quorum", "expires", "on_expiry", "workflow"];
    let outputs = ["payload", "approved_by", "run", "outputs"];
    PlanAction {
        inputs: inputs.map(port).into(),
        outputs: outputs.map(port).into(),
        caching: Caching::Never,
        effects: Vec::new(),
        isolation: IsolationRule::always(Isolation::Internal),
        wait: Some(kind),
    }
}

/// A step that waits.
pub(crate) fn wait(name: &str, needs: &[&str], kind: WaitKind, inputs: &[(&str, Value)]) -> PlanStep {
    let mut step = step(name, needs);
    step.uses = WAITS.iter().find(|(_, of)| *of == kind).unwrap().0.parse().unwrap();
    step.inputs =
        inputs.iter().map(|(name, value)| ((*name).into(), Template::Literal(value.clone()))).collect();
    step
}

/// The inputs of a step that waits.
fn waits_for(name: &str, kind: WaitKind) -> Vec<(&'static str, Value)> {
    match kind {
        // A moment that is none.
        WaitKind::Time if name.ends_with('3') => vec![("until", "soon".into())],
        WaitKind::Time => vec![("for", "2s".into())],
        WaitKind::Event => vec![("name", name.into()), ("within", "30s".into())],
        WaitKind::Decision => {
            let approvers = Value::List(vec!["user:ada".into(), "user:bob".into()]);
            let silence = if name.ends_with('2') { "approve" } else { "refuse" };
            vec![
                ("approvers", approvers),
                ("quorum", 2.into()),
                ("expires", "40s".into()),
                ("on_expiry", silence.into()),
            ]
        }
        WaitKind::Run => vec![("workflow", "sub".into())],
    }
}

pub(crate) fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

pub(crate) fn output(step: &str, output: &str) -> Template {
    Template::Expr(expr(ExprKind::Reference(Reference::Output { step: step.into(), output: output.into() })))
}

/// `steps.STEP.result == "RESULT"`.
pub(crate) fn ended(step: &str, result: &str) -> Expr {
    let left = expr(ExprKind::Reference(Reference::Result { step: step.into() }));
    let right = expr(ExprKind::Literal(result.into()));
    expr(ExprKind::Binary { op: BinaryOp::Equal, left: Box::new(left), right: Box::new(right) })
}

pub(crate) fn status(function: StatusFunction) -> Expr {
    expr(ExprKind::Status(function))
}

pub(crate) fn step(name: &str, needs: &[&str]) -> PlanStep {
    let mut step = PlanStep::new(name, action());
    step.needs = needs.iter().map(|need| (*need).to_owned()).collect();
    step
}

pub(crate) fn retrying(mut step: PlanStep, attempts: u32) -> PlanStep {
    step.retry = Retry {
        attempts,
        on: vec![ErrorClass::Transient, ErrorClass::Unknown],
        backoff: Backoff { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_secs(30) },
    };
    step
}

pub(crate) fn plan(steps: Vec<PlanStep>, finally: Vec<PlanStep>) -> Plan {
    Plan::new(spec(steps, finally)).unwrap()
}

pub(crate) fn spec(steps: Vec<PlanStep>, finally: Vec<PlanStep>) -> PlanSpec {
    PlanSpec {
        name: "test".into(),
        actions: WAITS
            .into_iter()
            .map(|(name, kind)| (name.parse().unwrap(), waiting(kind)))
            .chain([(action(), manifest())])
            .collect(),
        steps,
        finally,
        workflows: BTreeMap::from([("sub".to_owned(), sub())]),
        outputs: BTreeMap::new(),
        timeout_millis: None,
        concurrency: None,
        priority: 0,
    }
}

/// A workflow that steps may start.
fn sub() -> PlanSpec {
    PlanSpec {
        name: "sub".into(),
        actions: BTreeMap::from([(action(), manifest())]),
        steps: vec![step("only", &[])],
        finally: Vec::new(),
        workflows: BTreeMap::new(),
        outputs: BTreeMap::new(),
        timeout_millis: None,
        concurrency: None,
        priority: 0,
    }
}

/// A plan drawn from a seed, with at most `most` steps in its body.
pub(crate) fn drawn(seed: u64, most: u64) -> Plan {
    let mut draw = Draw::new(seed, "plan");
    let count = 1 + draw.below(most);
    let pivot = draw.chance(25).then(|| draw.below(count));
    let mut steps: Vec<PlanStep> = Vec::new();
    for number in 0..count {
        let mut step = drawn_step(&mut draw, &format!("s{number}"), &steps, number);
        if let Some(pivot) = pivot {
            // Every other step comes before the pivot or after it.
            if number == pivot {
                step.pivot = true;
                step.allow_failure = false;
                let all = steps.iter().map(|step| step.name.clone());
                let more: Vec<_> = all.filter(|name| !step.needs.contains(name)).collect();
                step.needs.extend(more);
            } else if number > pivot && !step.needs.contains(&format!("s{pivot}")) {
                step.needs.push(format!("s{pivot}"));
            }
        }
        steps.push(step);
    }
    let mut finally: Vec<PlanStep> = Vec::new();
    for number in 0..draw.below(3) {
        let step = drawn_step(&mut draw, &format!("f{number}"), &finally, number);
        finally.push(step);
    }
    let mut spec = spec(steps, finally);
    if draw.chance(30) {
        spec.outputs.insert("result".into(), output("s0", "number"));
    }
    Plan::new(spec).unwrap()
}

/// The same plan, in which every step keeps its effects.
pub(crate) fn without_compensation(plan: Plan) -> Plan {
    let mut spec = PlanSpec::from(plan);
    for step in &mut spec.steps {
        step.compensates = false;
    }
    Plan::new(spec).unwrap()
}

/// Three combinations: one of four is excluded.
fn matrix() -> Matrix {
    let list = |items: [&str; 2]| Template::Literal(Value::List(items.map(Value::from).to_vec()));
    let pattern = |pairs: [(&str, &str); 2]| {
        pairs.map(|(name, value)| (name.to_owned(), Template::Literal(value.into()))).into()
    };
    Matrix {
        axes: [("os".to_owned(), list(["a", "b"])), ("arch".to_owned(), list(["x", "y"]))].into(),
        include: vec![pattern([("os", "a"), ("more", "m")])],
        exclude: vec![pattern([("os", "b"), ("arch", "y")])],
    }
}

fn drawn_step(draw: &mut Draw, name: &str, before: &[PlanStep], number: u64) -> PlanStep {
    let mut step = step(name, &[]);
    let wanted = draw.below(4).min(number);
    for _ in 0..wanted {
        let need = &before[usize::try_from(draw.below(number)).unwrap()].name;
        if !step.needs.contains(need) {
            step.needs.push(need.clone());
        }
    }
    step = retrying(step, 1 + u32::try_from(draw.below(3)).unwrap());
    step.allow_failure = draw.chance(15);
    step.compensates = !draw.chance(10);
    step.cache = draw.chance(50);
    let first = step.needs.first().cloned();
    if let Some(need) = &first {
        step.inputs.insert("after".into(), output(need, "number"));
    }
    match (draw.below(12), &first) {
        (0, _) => step.for_each = Some(Template::Literal(Value::List(vec![1.into(), 2.into(), 3.into()]))),
        (1, Some(need)) => step.for_each = Some(output(need, "items")),
        (2, _) => step.for_each = Some(Template::Literal(Value::List(Vec::new()))),
        (3, Some(need)) => step.for_each = Some(output(need, "number")),
        _ => {}
    }
    if step.for_each.is_none() && draw.chance(6) {
        step.matrix = Some(matrix());
    }
    if step.expands() && draw.chance(50) {
        step.max_parallel = Some(1);
    }
    step.fail_fast = step.expands() && draw.chance(40);
    step.on_failure = match draw.below(10) {
        0 | 1 => OnFailure::Pause,
        2 => OnFailure::Continue,
        _ => OnFailure::Compensate,
    };
    if draw.chance(15) {
        let (action, kind) = WAITS[usize::try_from(draw.below(4)).unwrap()];
        step.uses = action.parse().unwrap();
        step.cache = false;
        let inputs = waits_for(name, kind).into_iter();
        step.inputs.extend(inputs.map(|(name, value)| (name.to_owned(), Template::Literal(value))));
    }
    step.condition = match (draw.below(14), &first) {
        (0, _) => Some(status(StatusFunction::Always)),
        (1, _) => Some(status(StatusFunction::Failure)),
        (2, Some(need)) => Some(ended(need, "succeeded")),
        (3, _) => Some(expr(ExprKind::Literal(false.into()))),
        (4, _) => Some(expr(ExprKind::Reference(Reference::Input("unknown".into())))),
        _ => None,
    };
    step.replaces_gate = step.condition.as_ref().is_some_and(Expr::uses_status);
    step
}
