//! Runs made by hand, and what their comparison says.

use std::collections::BTreeMap;

use engine_core::plan::{Plan, PlanSpec};
use engine_core::run::{CacheKey, CachedFrom, Outside};
use engine_ports::{RunRow, StepRow};
use serde_json::{Value as Json, json};
use vocab::{
    Compensation, Digest, Inputs, Outputs, RunId, RunStatus, SecretRef, StepStatus, TenantName, Timestamp,
    Value,
};

use super::account::{Account, Heard};
use super::diff;
use crate::model::{Change, StepDiff};

fn run_id(number: u32) -> RunId {
    format!("01977aaa-0000-7000-8000-{number:012}").parse().unwrap()
}

/// A plan with the steps `a` and `b`; `changed` are parts of `b`.
fn plan(changed: &Json) -> Plan {
    let mut b = json!({ "name": "b", "uses": "test/pure@v1", "cache": true });
    b.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    let action = |caching: &str| {
        json!({ "inputs": [], "outputs": [], "caching": caching,
            "isolation": { "default": "internal", "input": null } })
    };
    let spec = json!({
        "name": "w",
        "actions": { "test/pure@v1": action("auto"), "test/pure@v2": action("auto"), "test/live@v1": action("never") },
        "steps": [{ "name": "a", "uses": "test/pure@v1" }, b],
    });
    Plan::new(serde_json::from_value::<PlanSpec>(spec).unwrap()).unwrap()
}

fn account(number: u32, changed: &Json) -> Account {
    let id = run_id(number);
    let plan = plan(changed);
    let row = RunRow {
        id,
        tenant: TenantName::default_tenant(),
        project: None,
        workflow: "w".to_owned(),
        plan: plan.digest(),
        trigger: json!({ "kind": "push", "commit": "c1" }),
        inputs: Inputs::new(),
        status: RunStatus::Succeeded,
        compensation: Compensation::NotNeeded,
        outputs: Outputs::new(),
        error: None,
        created_at: Timestamp::from_millis(0),
        finished_at: Some(Timestamp::from_millis(5_000)),
        seq: 9,
        group: None,
        parent: None,
    };
    let step = |position: u32, name: &str| StepRow {
        run: id,
        path: name.parse().unwrap(),
        position,
        action: "test/pure@v1".to_owned(),
        status: StepStatus::Succeeded,
        attempts: 1,
        cached: false,
        outputs: Outputs::from([("word".to_owned(), "x".into())]),
        error: None,
        ready_at: None,
        started_at: Some(Timestamp::from_millis(1_000)),
        finished_at: Some(Timestamp::from_millis(3_000)),
    };
    let heard = Heard {
        inputs: Some(Inputs::from([("text".to_owned(), "same".into())])),
        key: Some(key("k", Outside::Nothing)),
        ..Heard::default()
    };
    let heard = ["a", "b"].map(|name| (name.parse().unwrap(), heard.clone()));
    Account { row, plan, steps: vec![step(0, "a"), step(1, "b")], heard: BTreeMap::from(heard) }
}

fn key(text: &str, outside: Outside) -> CacheKey {
    CacheKey { digest: Digest::of(text), outside }
}

fn b_of(run: &mut Account) -> &mut Heard {
    run.heard.get_mut(&"b".parse().unwrap()).unwrap()
}

fn step_b(a: &Account, b: &Account) -> StepDiff {
    let diff = diff(a, b, Timestamp::from_millis(9_000));
    assert!(!diff.steps[0].differs(), "{:?}", diff.steps[0]);
    diff.steps[1].clone()
}

fn change(what: &str, a: Json, b: Json) -> Change {
    Change { what: what.to_owned(), a, b }
}

#[test]
fn equal_runs_differ_in_nothing_but_time() {
    let (a, mut b) = (account(1, &json!({})), account(2, &json!({})));
    b.row.finished_at = None;
    let found = diff(&a, &b, Timestamp::from_millis(9_000));
    assert_eq!(found.run, []);
    assert!(found.steps.iter().all(|step| !step.differs()));
    assert_eq!((found.a.duration_ms, found.b.duration_ms), (5_000, 9_000));
    assert_eq!(found.steps[0].b.as_ref().unwrap().duration_ms, 2_000);
}

#[test]
fn commit_inputs_and_outcome_are_told_by_name() {
    let (mut a, mut b) = (account(1, &json!({})), account(2, &json!({})));
    a.row.inputs.insert("release".into(), "trixie".into());
    b.row.inputs.insert("token".into(), Value::Secret(SecretRef("deploy".into())));
    b.row.trigger["commit"] = json!("c2");
    b.row.status = RunStatus::Failed;
    let found = diff(&a, &b, Timestamp::from_millis(9_000));
    let expected = [
        change("commit", json!("c1"), json!("c2")),
        change("input release", json!("trixie"), json!(null)),
        change("input token", json!(null), json!({ "$secret": "deploy" })),
        change("status", json!("succeeded"), json!("failed")),
    ];
    assert_eq!(found.run, expected);
}

#[test]
fn a_changed_definition_is_told_part_by_part_and_a_moved_line_is_none() {
    let literal = |text: &str| json!({ "literal": text });
    let a = account(1, &json!({ "inputs": { "x": literal("1"), "y": literal("1") } }));
    let b = account(2, &json!({ "inputs": { "x": literal("2"), "y": literal("1") }, "timeout_millis": 5 }));
    let found = step_b(&a, &b);
    let names: Vec<_> = found.definition.iter().map(|change| change.what.as_str()).collect();
    assert_eq!(names, ["timeout_millis", "with.x"]);
    let expr = |start: u64| {
        json!({ "inputs": { "x": { "expr": {
            "kind": { "reference": { "input": "r" } }, "span": [start, start + 1],
        } } } })
    };
    let (a, b) = (account(1, &expr(1)), account(2, &expr(7)));
    assert_ne!(a.row.plan, b.row.plan);
    assert_eq!(diff(&a, &b, Timestamp::from_millis(9_000)).run, []);
    assert_eq!(step_b(&a, &b).definition, []);
    let span = |start: u64| account(1, &json!({ "inputs": { "x": { "literal": { "span": [start, 1] } } } }));
    assert_eq!(step_b(&span(1), &span(2)).definition.len(), 1, "a value of that name is no place");
}

#[test]
fn steps_that_only_one_run_has_are_shown_as_that() {
    let (mut a, b) = (account(1, &json!({})), account(2, &json!({})));
    a.steps[1].path = "b[0]".parse().unwrap();
    let found = diff(&a, &b, Timestamp::from_millis(9_000));
    let sides: Vec<_> =
        found.steps.iter().map(|step| (step.step.as_str(), step.a.is_some(), step.b.is_some())).collect();
    assert_eq!(sides, [("a", true, true), ("b", false, true), ("b[0]", true, false)]);
    assert!(found.steps[1].differs() && found.steps[2].differs());
}

#[test]
fn inputs_that_were_never_resolved_are_no_difference_and_outputs_are_compared() {
    let (a, mut b) = (account(1, &json!({})), account(2, &json!({})));
    b_of(&mut b).inputs = None;
    b.steps[1].status = StepStatus::NotReached;
    b.steps[1].outputs.clear();
    let found = step_b(&a, &b);
    assert_eq!((found.inputs, found.cache), (vec![], None));
    assert_eq!(found.outputs, [change("word", json!("x"), json!(null))]);
}

#[test]
fn why_a_step_was_not_served_from_the_cache_is_told() {
    type Make = fn(&mut Account, &mut Account);
    let from = || CachedFrom { run: run_id(7), path: "b".parse().unwrap() };
    let served = format!("run {}", from().run);
    let cases: [(&str, Json, Make); 10] = [
        ("the key is the same, but the cache had nothing", json!({}), |_, _| {}),
        ("input `text` changed", json!({}), |_, b| {
            b_of(b).key = Some(key("other", Outside::Nothing));
            b_of(b).inputs.as_mut().unwrap().insert("text".into(), "new".into());
        }),
        ("what it reads outside (`base 1` → `base 2`) changed", json!({}), |a, b| {
            b_of(a).key = Some(key("one", Outside::Of("base 1".into())));
            b_of(b).key = Some(key("two", Outside::Of("base 2".into())));
        }),
        ("what it reads outside (nothing → unknown: egress) changed", json!({}), |_, b| {
            b_of(b).key = Some(key("two", Outside::Unknown("egress".into())));
        }),
        ("the action changed", json!({ "uses": "test/pure@v2" }), |_, b| {
            b_of(b).key = Some(key("two", Outside::Nothing));
        }),
        ("the workflow says `cache: never`", json!({ "cache": false }), |_, b| b_of(b).key = None),
        ("test/live@v1 is never cached", json!({ "uses": "test/live@v1" }), |_, b| b_of(b).key = None),
        ("a run by `schedule` wants what is fresh", json!({}), |_, b| {
            b_of(b).key = None;
            b.row.trigger["kind"] = json!("schedule");
        }),
        ("does not say what the cache was asked for", json!({}), |a, _| b_of(a).key = None),
        ("a part of the key that neither run tells", json!({}), |_, b| {
            b_of(b).key = Some(key("other", Outside::Nothing));
        }),
    ];
    for (said, changed, make) in cases {
        let (mut a, mut b) = (account(1, &json!({})), account(2, &changed));
        make(&mut a, &mut b);
        let told = step_b(&a, &b).cache.unwrap();
        assert!(told.contains(said), "{said}: {told}");
    }
    let (a, mut b) = (account(1, &json!({})), account(2, &json!({})));
    b_of(&mut b).cached = Some(from());
    assert!(step_b(&a, &b).cache.unwrap().contains(&served));
    b_of(&mut b).taken_over = Some(from());
    let found = step_b(&a, &b);
    assert_eq!(found.cache, Some(format!("taken over from {served}")));
    assert_eq!(found.b.unwrap().computed_by, Some(from().run));
}
