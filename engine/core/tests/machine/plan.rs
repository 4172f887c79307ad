//! What makes a plan, and what does not.

use engine_core::plan::{Plan, PlanError, PlanSpec};
use engine_core::run::Report;
use lang::{Catalogue, CompileOptions, ExprKind, SourceFile, StatusFunction, compile};
use vocab::{ActionManifest, Caching, Digest, Isolation, IsolationRule, Outputs, Port, RunStatus, Type};

use crate::common::hand::Hand;
use crate::common::plans::{action, drawn, expr, plan, retrying, spec, step};

#[test]
fn steps_that_wait_for_each_other_are_named() {
    let steps = vec![step("a", &[]), step("b", &["a", "d"]), step("c", &["b"]), step("d", &["c"])];
    let error = Plan::new(spec(steps, vec![])).unwrap_err();
    assert_eq!(error, PlanError::Cycle(vec!["b".into(), "c".into(), "d".into()]));
    let alone = Plan::new(spec(vec![step("a", &["a"])], vec![])).unwrap_err();
    assert_eq!(alone.to_string(), "these steps wait for each other: a");
}

#[test]
fn needs_stay_within_body_and_finally() {
    for (body, finally) in [
        (vec![step("a", &["f"])], vec![step("f", &[])]),
        (vec![step("a", &[])], vec![step("f", &["a"])]),
        (vec![step("a", &["nobody"])], vec![]),
    ] {
        assert!(matches!(Plan::new(spec(body, finally)), Err(PlanError::UnknownNeed { .. })));
    }
}

#[test]
fn names_and_actions_are_checked() {
    let twice = Plan::new(spec(vec![step("a", &[])], vec![step("a", &[])]));
    assert_eq!(twice, Err(PlanError::Duplicate("a".into())));
    assert!(matches!(Plan::new(spec(vec![step("A-b", &[])], vec![])), Err(PlanError::Name(_))));
    let mut without = spec(vec![step("a", &[])], vec![]);
    without.actions.clear();
    assert!(matches!(Plan::new(without), Err(PlanError::UnknownAction { .. })));
}

#[test]
fn a_plan_reads_back_from_its_json_and_keeps_its_digest() {
    for seed in 0..100 {
        let plan = drawn(seed, 30);
        let json = serde_json::to_string(&plan).unwrap();
        let again: Plan = serde_json::from_str(&json).unwrap();
        assert_eq!((&again, again.digest()), (&plan, plan.digest()), "seed {seed}");
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
        // Through a store that keeps JSON as a value, too.
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::from_value::<Plan>(value).unwrap().digest(), plan.digest(), "seed {seed}");
    }
}

#[test]
fn a_stored_plan_is_checked_like_a_new_one() {
    let mut json = serde_json::to_value(plan(vec![step("a", &[])], vec![])).unwrap();
    json["steps"][0]["needs"] = serde_json::json!(["a"]);
    assert!(serde_json::from_value::<Plan>(json).is_err());
}

#[test]
fn another_policy_is_another_plan() {
    let digest = |spec: PlanSpec| Plan::new(spec).unwrap().digest();
    let plain = digest(spec(vec![step("a", &[])], vec![]));
    assert_eq!(plain, digest(spec(vec![step("a", &[])], vec![])));
    let mut others = vec![spec(vec![retrying(step("a", &[]), 2)], vec![])];
    let changes: [fn(&mut engine_core::plan::PlanStep); 4] = [
        |step| step.pivot = true,
        |step| step.compensates = false,
        |step| step.allow_failure = true,
        |step| step.condition = Some(expr(ExprKind::Status(StatusFunction::Always))),
    ];
    for change in changes {
        let mut other = spec(vec![step("a", &[])], vec![]);
        change(&mut other.steps[0]);
        others.push(other);
    }
    let digests: std::collections::BTreeSet<Digest> = others.into_iter().map(digest).collect();
    assert_eq!(digests.len(), 5);
    assert!(!digests.contains(&plain));
}

#[test]
fn needs_come_before_what_needs_them() {
    for seed in 0..50 {
        let plan = drawn(seed, 40);
        for (position, _) in plan.steps() {
            assert!(plan.needs(position).all(|need| plan.rank(need) < plan.rank(position)), "seed {seed}");
            assert!(plan.followers(position).all(|other| plan.needs(other).any(|need| need == position)));
        }
    }
}

#[test]
fn a_plan_is_drawn_with_its_pivot_and_finally() {
    let mut pivot = step("b", &["a"]);
    pivot.pivot = true;
    let plan = plan(vec![step("a", &[]), pivot], vec![step("f", &[])]);
    let dot = plan.to_dot();
    for line in [
        "a [label=\"a\\ntest/work@v1\"];",
        "b [label=\"b\\ntest/work@v1\", peripheries=2];",
        "f [label=\"f\\ntest/work@v1\", style=dashed];",
        "a -> b;",
    ] {
        assert!(dot.contains(line), "{line} is not in {dot}");
    }
    let mermaid = plan.to_mermaid();
    for line in ["a[\"a<br/>test/work@v1\"]", "b[[\"b<br/>", "f([\"f<br/>", "a --> b"] {
        assert!(mermaid.contains(line), "{line} is not in {mermaid}");
    }
}

const WORKFLOW: &str = r"
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: two-steps
on:
  manual: {}
timeout: 2h
steps:
  first:
    uses: test/work@v1
    timeout: 20m
    retry:
      attempts: 3
      on: [transient]
  second:
    uses: test/work@v1
    if: steps.first.outputs.number > 3
    compensate: none
    with:
      after: ${{ steps.first.outputs.number }}
outputs:
  number: ${{ steps.second.outputs.number }}
";

#[test]
fn a_workflow_that_compiled_becomes_a_plan() {
    let manifest = ActionManifest {
        action: action(),
        summary: "Works.".into(),
        doc: String::new(),
        inputs: vec![Port::optional("after", Type::Integer, "What came before.")],
        outputs: vec![Port::required("number", Type::Integer, "A number.")],
        isolation: IsolationRule::always(Isolation::Internal),
        caching: Caching::Auto,
        effects: Vec::new(),
        wait: None,
        tools: Vec::new(),
        example: String::new(),
    };
    let catalogue = Catalogue::new([manifest]);
    let source = SourceFile::new("two-steps.yaml", WORKFLOW);
    let compiled = compile(&source, &catalogue, &CompileOptions::default());
    let workflow = compiled.workflow.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    let plan = Plan::of(&workflow, &[], &catalogue).unwrap();
    assert_eq!((plan.name(), plan.len(), plan.timeout().unwrap().as_secs()), ("two-steps", 2, 7200));
    let (first, second) = (plan.step(0), plan.step(1));
    assert_eq!((first.timeout_millis, first.retry.attempts, first.cache), (Some(1_200_000), 3, true));
    assert_eq!((second.needs.as_slice(), second.compensates), (["first".to_owned()].as_slice(), false));
    assert!(matches!(Plan::of(&workflow, &[], &Catalogue::default()), Err(PlanError::UnknownAction { .. })));
    let mut hand = Hand::new(plan);
    for (step, number) in [("first", 4), ("second", 5)] {
        hand.start(step);
        let outputs = Outputs::from([("number".to_owned(), number.into())]);
        hand.report(step, Report::Succeeded { outputs, cached: None, key: None });
    }
    assert_eq!(hand.state.status(), RunStatus::Succeeded);
    assert_eq!(hand.state.outputs().unwrap()["number"], 5.into());
}
