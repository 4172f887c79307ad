//! What a run must come to when nobody interferes: read off the plan and the behaviours, without the state machine.

use std::collections::BTreeMap;

use engine_core::plan::{Plan, PlanStep};
use lang::{Expr, ExprKind, OnFailure, StatusFunction, Template};
use vocab::{ErrorClass, RunStatus, StepStatus};

use super::person::Verdict;
use super::world::Behaviour;

/// What a step came to.
#[derive(Debug, Clone)]
struct End {
    status: StepStatus,
    satisfies: bool,
    failed_above: bool,
    /// The instances, where it was expanded.
    instances: Option<Vec<StepStatus>>,
    /// How many items each of its outputs has, where they are lists of what instances gave.
    width: Option<usize>,
}

/// How the run and each of its steps end.
pub(crate) fn expect(seed: u64, plan: &Plan) -> (RunStatus, Vec<(String, StepStatus)>) {
    let mut ends: BTreeMap<String, End> = BTreeMap::new();
    for step in &plan.spec().steps {
        let end = end_of(seed, step, &ends, None);
        ends.insert(step.name.clone(), end);
    }
    let failed = ends
        .values()
        .any(|end| !end.satisfies && matches!(end.status, StepStatus::Failed | StepStatus::TimedOut));
    let status = if failed { RunStatus::Failed } else { RunStatus::Succeeded };
    for step in &plan.spec().finally {
        let end = end_of(seed, step, &ends, Some(status));
        ends.insert(step.name.clone(), end);
    }
    let mut listed = Vec::new();
    for (_, step) in plan.steps() {
        let end = &ends[&step.name];
        listed.push((step.name.clone(), end.status));
        let shown = end.instances.iter().flatten().filter(|_| !step.fail_fast);
        for (number, instance) in shown.enumerate() {
            listed.push((format!("{}[{number}]", step.name), *instance));
        }
    }
    (status, listed)
}

fn end_of(seed: u64, step: &PlanStep, ends: &BTreeMap<String, End>, run: Option<RunStatus>) -> End {
    let needs: Vec<&End> = step.needs.iter().map(|need| &ends[need]).collect();
    let failed_above = needs.iter().any(|end| {
        end.failed_above
            || (!end.satisfies && matches!(end.status, StepStatus::Failed | StepStatus::TimedOut))
    });
    let end = |status: StepStatus| {
        let failed = matches!(status, StepStatus::Failed | StepStatus::TimedOut);
        let satisfies =
            matches!(status, StepStatus::Succeeded | StepStatus::Skipped) || (failed && step.allow_failure);
        End { status, satisfies, failed_above, instances: None, width: None }
    };
    // What cannot be evaluated: a person may be asked, but not for another try.
    let unreadable = || {
        if step.on_failure != OnFailure::Pause || step.allow_failure {
            return end(StepStatus::Failed);
        }
        match Verdict::of(seed, &step.name, 0).without_retry() {
            Verdict::Skip => end(StepStatus::Skipped),
            Verdict::Bypass => End { width: step.expands().then_some(2), ..end(StepStatus::Succeeded) },
            Verdict::GiveUp | Verdict::Retry => end(StepStatus::Failed),
        }
    };
    if !step.replaces_gate {
        if needs.iter().any(|need| !need.satisfies) {
            return end(StepStatus::NotReached);
        }
        if !needs.is_empty() && needs.iter().all(|need| need.status == StepStatus::Skipped) {
            return end(StepStatus::Skipped);
        }
    }
    match step.condition.as_ref().map(|condition| holds(condition, step, ends, failed_above, run)) {
        None | Some(Some(true)) => {}
        Some(Some(false)) => return end(StepStatus::Skipped),
        Some(None) => return unreadable(),
    }
    let count = match (&step.matrix, &step.for_each) {
        (Some(_), _) => Some(3),
        (None, Some(list)) => items(list, step, ends),
        (None, None) => return end(instance(seed, step, &step.name)),
    };
    let Some(count) = count else { return unreadable() };
    let instances: Vec<_> =
        (0..count).map(|number| instance(seed, step, &format!("{}[{number}]", step.name))).collect();
    let bad = |wanted| instances.contains(&wanted);
    let status = if bad(StepStatus::Failed) || (step.fail_fast && bad(StepStatus::TimedOut)) {
        StepStatus::Failed
    } else if bad(StepStatus::TimedOut) {
        StepStatus::TimedOut
    } else {
        StepStatus::Succeeded
    };
    let satisfies = status == StepStatus::Succeeded || step.allow_failure;
    let width = Some(instances.len());
    End { status, satisfies, failed_above, instances: Some(instances), width }
}

/// The conditions that drawn plans have. `None` when it cannot be evaluated.
fn holds(
    condition: &Expr,
    step: &PlanStep,
    ends: &BTreeMap<String, End>,
    failed_above: bool,
    run: Option<RunStatus>,
) -> Option<bool> {
    match &condition.kind {
        ExprKind::Status(StatusFunction::Always) => Some(true),
        ExprKind::Status(StatusFunction::Failure) => {
            Some(run.map_or(failed_above, |status| status == RunStatus::Failed))
        }
        ExprKind::Binary { .. } => Some(ends[&step.needs[0]].status == StepStatus::Succeeded),
        ExprKind::Literal(_) => Some(false),
        _ => None,
    }
}

/// How many items the list has. `None` when it is no list.
fn items(list: &Template, step: &PlanStep, ends: &BTreeMap<String, End>) -> Option<usize> {
    match list {
        Template::Literal(vocab::Value::List(items)) => Some(items.len()),
        Template::Expr(expr) => {
            let of_items = format!("{:?}", expr.kind).contains("\"items\"");
            let need = &ends[&step.needs[0]];
            match (need.width, need.status) {
                (Some(width), StepStatus::Succeeded) => Some(width),
                (None, StepStatus::Succeeded) if of_items => Some(2),
                _ => None,
            }
        }
        _ => None,
    }
}

fn instance(seed: u64, step: &PlanStep, path: &str) -> StepStatus {
    let behaviour = Behaviour::of(seed, path);
    let retried = matches!(behaviour.class, ErrorClass::Transient | ErrorClass::Unknown);
    let attempts = if retried { step.retry.attempts } else { 1 };
    let asks = step.on_failure == OnFailure::Pause && !step.allow_failure;
    let mut failures = behaviour.failures;
    for nth in 0.. {
        let end = match (failures < attempts, behaviour.times_out, behaviour.breaks_promise) {
            (true, _, false) => return StepStatus::Succeeded,
            (true, _, true) | (false, false, _) => StepStatus::Failed,
            (false, true, _) => StepStatus::TimedOut,
        };
        match Verdict::of(seed, path, nth) {
            _ if !asks => return end,
            Verdict::Retry => failures = failures.saturating_sub(attempts),
            Verdict::Skip => return StepStatus::Skipped,
            Verdict::Bypass => return StepStatus::Succeeded,
            Verdict::GiveUp => return end,
        }
    }
    unreachable!("nobody tries for ever")
}
