//! How expressions come out, and how they fail.

use std::collections::BTreeMap;

use lang::{
    CompileOptions, EvalProblem, Reference, RunField, Scope, SourceFile, StatusFunction, Template, compile,
};
use vocab::{ArtifactKind, ArtifactRef, Digest, Limits, Value};

use crate::corpus;

/// Knows what the expressions below read.
struct World(BTreeMap<String, Value>);

impl Scope for World {
    fn lookup(&self, reference: &Reference) -> Option<Value> {
        match reference {
            Reference::Run(RunField::Commit) => None,
            other => Some(self.0.get(&other.to_string()).cloned().unwrap_or_default()),
        }
    }

    fn status(&self, function: StatusFunction) -> bool {
        function == StatusFunction::Failure
    }
}

fn world() -> World {
    let map = Value::Map(BTreeMap::from([("a".to_owned(), Value::Integer(1))]));
    let tree = ArtifactRef { kind: ArtifactKind::Tree, digest: Digest::of("x"), size: 7 };
    World(BTreeMap::from([
        ("inputs.n".to_owned(), Value::Integer(7)),
        ("inputs.max".to_owned(), Value::Integer(i64::MAX)),
        ("inputs.x".to_owned(), Value::Number(0.5)),
        ("inputs.t".to_owned(), "text".into()),
        ("inputs.list".to_owned(), Value::List(vec!["a".into(), "b".into()])),
        ("inputs.map".to_owned(), map),
        ("steps.s.outputs.any".to_owned(), "not what you think".into()),
        ("steps.f.outputs.tree".to_owned(), tree.into()),
    ]))
}

fn template(expression: &str) -> Template {
    let text = format!(
        "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata: {{name: a}}\ninputs:\n  n: {{type: integer, default: 1}}\n  \
         max: {{type: integer, default: 1}}\n  x: {{type: number, default: 1}}\n  t: {{type: string, default: a}}\n  \
         list: {{type: list, default: []}}\n  map: {{type: map, values: integer, default: {{}}}}\n  \
         none: {{type: integer, required: false}}\nsteps:\n  s: {{uses: test/values@v1}}\n  f: {{uses: git/fetch@v1}}\n  v:\n    \
         uses: test/values@v1\n    with:\n      any: >-\n        {expression}\n"
    );
    let source = SourceFile::new("a.yaml", text);
    let compilation = compile(&source, &corpus::catalogue().unwrap(), &CompileOptions::default());
    let shown: String = compilation.diagnostics.iter().map(|it| it.render(&source)).collect();
    compilation.workflow.unwrap_or_else(|| panic!("{shown}")).steps["v"].with["any"].clone()
}

fn value(expression: &str) -> Value {
    template(&format!("${{{{ {expression} }}}}")).evaluate(&world(), &Limits::default()).unwrap()
}

fn problem(expression: &str) -> EvalProblem {
    template(&format!("${{{{ {expression} }}}}")).evaluate(&world(), &Limits::default()).unwrap_err().problem
}

#[test]
fn expressions_give_what_they_say() {
    for (expression, expected) in [
        ("inputs.n * 2 - 1", Value::Integer(13)),
        ("inputs.n / 2", Value::Integer(3)),
        ("-inputs.n % 4", Value::Integer(-3)),
        ("inputs.n * inputs.x", Value::Number(3.5)),
        ("inputs.n == 7.0", Value::Bool(true)),
        ("inputs.n > inputs.x && inputs.t != \"a\"", Value::Bool(true)),
        ("inputs.none ?? inputs.n", Value::Integer(7)),
        ("inputs.map?.b ?? 5", Value::Integer(5)),
        ("inputs.map.a + inputs.map[\"a\"]", Value::Integer(2)),
        ("inputs.list?[9] ?? \"none\"", "none".into()),
        ("inputs.list[1] + inputs.t", "btext".into()),
        ("[inputs.n, 1][0]", Value::Integer(7)),
        ("#{ k: inputs.n }.k", Value::Integer(7)),
        ("false && 1 / (inputs.n - 7) == 1", Value::Bool(false)),
        ("true || 1 / (inputs.n - 7) == 1", Value::Bool(true)),
        ("short(steps.f.outputs.tree.digest)", Digest::of("x").short().into()),
        ("steps.f.outputs.tree.size", Value::Integer(7)),
        ("format(\"{}-{}\", inputs.t, inputs.n)", "text-7".into()),
        ("join(inputs.list, \"/\")", "a/b".into()),
        ("contains(inputs.list, \"b\")", Value::Bool(true)),
        ("contains(inputs.t, \"ex\") && contains(inputs.map, \"a\")", Value::Bool(true)),
        ("integer(\" 12 \") + integer(inputs.x * 2)", Value::Integer(13)),
        ("upper(inputs.t) + string(inputs.x)", "TEXT0.5".into()),
        ("len(\"äöü\") + len(inputs.list)", Value::Integer(5)),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn a_text_around_an_expression_makes_a_text() {
    let evaluated = template("${{ inputs.n }}-${{ inputs.t }} $${{").evaluate(&world(), &Limits::default());
    assert_eq!(evaluated, Ok("7-text ${{".into()));
}

#[test]
fn what_is_not_certain_fails() {
    assert_eq!(problem("inputs.max + 1"), EvalProblem::Overflow("+"));
    assert_eq!(problem("(-inputs.max - 1) / (inputs.n - 8)"), EvalProblem::Overflow("/"));
    assert_eq!(problem("1 / (inputs.n - 7)"), EvalProblem::DivisionByZero);
    assert_eq!(problem("1.0 % (inputs.n - 7)"), EvalProblem::DivisionByZero);
    assert!(matches!(problem("inputs.list[2]"), EvalProblem::Absent(_)));
    assert!(matches!(problem("inputs.list[0 - 1]"), EvalProblem::Absent(_)));
    assert!(matches!(problem("inputs.map.b"), EvalProblem::Absent(_)));
    assert!(
        matches!(problem("steps.s.outputs.any == 1"), EvalProblem::Type(_)),
        "unlike types are never just unequal"
    );
    assert!(matches!(problem("steps.s.outputs.any && true"), EvalProblem::Type(_)));
    assert!(matches!(
        problem("contains(steps.s.outputs.any, steps.f.outputs.tree.size)"),
        EvalProblem::Type(_)
    ));
    assert!(matches!(problem("short(run.commit)"), EvalProblem::Unknown(_)));
    assert!(matches!(problem("integer(inputs.t)"), EvalProblem::Unreadable(_)));
    assert!(matches!(problem("integer(inputs.x)"), EvalProblem::Unreadable(_)));
}

#[test]
fn work_and_size_are_bounded() {
    let many = World(BTreeMap::from([("inputs.list".to_owned(), Value::List(vec!["x".into(); 20_000]))]));
    let long = World(BTreeMap::from([("inputs.t".to_owned(), "x".repeat(600_000).into())]));
    let limit = |template: Template, world: &World| match template.evaluate(world, &Limits::default()) {
        Err(error) => match error.problem {
            EvalProblem::Limit { key, .. } => key,
            other => panic!("{other}"),
        },
        Ok(_) => "none",
    };
    assert_eq!(limit(template("${{ len(inputs.list) }}"), &many), "expression_operations");
    assert_eq!(limit(template("${{ inputs.t + inputs.t }}"), &long), "value_bytes");
    assert_eq!(limit(template("${{ inputs.t }}${{ inputs.t }}"), &long), "value_bytes");
}

#[test]
fn a_failure_names_the_part_that_failed() {
    let text = "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata: {name: a}\ninputs:\n  n: {type: integer, default: 1}\nsteps:\n  \
                v:\n    uses: test/values@v1\n    with:\n      any: ${{ 1 + 2 / (inputs.n - 7) }}\n";
    let source = SourceFile::new("a.yaml", text);
    let workflow =
        compile(&source, &corpus::catalogue().unwrap(), &CompileOptions::default()).workflow.unwrap();
    let error = workflow.steps["v"].with["any"].evaluate(&world(), &Limits::default()).unwrap_err();
    let place = source.locate(error.span);
    assert_eq!(&text[place.start..place.end], "2 / (inputs.n - 7)");
    assert_eq!(error.to_string(), "division by zero");
}

/// JSON parsers stop at 128 levels; the deepest workflow must stay below with room for what it is stored in.
#[test]
fn the_deepest_values_read_back_from_inside_an_event() {
    let text = |value: &str| {
        format!(
            "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata: {{name: a}}\ninputs:\n  n: {{type: integer, default: 1}}\nsteps:\n  \
             v:\n    uses: test/values@v1\n    with:\n      any: {value}\n"
        )
    };
    let compiled = |value: &str| {
        let source = SourceFile::new("a.yaml", text(value));
        compile(&source, &corpus::catalogue().unwrap(), &CompileOptions::default()).workflow
    };
    let nested = |levels: usize| {
        let expression = format!("{}inputs.n{}", "#{a: ".repeat(levels), " }".repeat(levels));
        format!("{}'${{{{ {expression} }}}}'{}", "[".repeat(12), "]".repeat(12))
    };
    assert!(compiled(&nested(17)).is_none());
    let deepest = (1..17).rev().find(|levels| compiled(&nested(*levels)).is_some()).unwrap();
    assert!(deepest >= 15, "{deepest}");
    let workflow = compiled(&nested(deepest)).unwrap();
    let wrapped = (0..12)
        .fold(serde_json::to_value(&workflow).unwrap(), |json, _| serde_json::json!({ "inside": json }));
    let again: serde_json::Value = serde_json::from_str(&wrapped.to_string()).unwrap();
    let inner = (0..12).fold(&again, |json, _| &json["inside"]);
    assert_eq!(serde_json::from_str::<lang::Workflow>(&inner.to_string()).unwrap(), workflow);
    let value = workflow.steps["v"].with["any"].evaluate(&world(), &Limits::default()).unwrap();
    assert!(value.to_json().to_string().contains(":7}"));
}
