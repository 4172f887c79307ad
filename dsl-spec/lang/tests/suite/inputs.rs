//! What a run may be started with.

use lang::{CompileOptions, InputError, SourceFile, Workflow, compile};
use vocab::{Inputs, SecretRef, Value};

use crate::corpus;

fn workflow() -> Workflow {
    let text = "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata: {name: a}\ninputs:\n  release: {type: string, enum: [a, b], default: a}\n  \
                count: {type: integer}\n  note: {type: string, required: false}\n  token: {type: secret, required: false}\n  \
                tags: {type: list, default: []}\nsteps:\n  a: {uses: test/values@v1}\n";
    let source = SourceFile::new("a.yaml", text);
    compile(&source, &corpus::catalogue().unwrap(), &CompileOptions::default()).workflow.unwrap()
}

fn given(entries: &[(&str, Value)]) -> Inputs {
    entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn defaults_fill_what_is_not_given() {
    let resolved =
        workflow().resolve_inputs(given(&[("count", 3.into()), ("token", "deploy".into())])).unwrap();
    let expected = given(&[
        ("release", "a".into()),
        ("count", 3.into()),
        ("note", Value::Null),
        ("token", Value::Secret(SecretRef("deploy".into()))),
        ("tags", Value::List(vec![])),
    ]);
    assert_eq!(resolved, expected);
}

#[test]
fn every_wrong_input_is_told_at_once() {
    let errors = workflow()
        .resolve_inputs(given(&[("relaese", "a".into()), ("release", "c".into()), ("note", 1.into())]))
        .unwrap_err();
    let messages: Vec<_> = errors.iter().map(InputError::to_string).collect();
    assert_eq!(
        messages,
        [
            "the workflow has no input `relaese`; did you mean `release`?",
            "the input `release`: expected one of a, b, found `c`",
            "the input `count` is required: it takes an integer",
            "the input `note`: expected string, found an integer",
        ]
    );
}

#[test]
fn texts_of_the_command_line_become_values_of_the_type() {
    let workflow = workflow();
    assert_eq!(workflow.read_input("count", "12"), Ok(Value::Integer(12)));
    assert_eq!(workflow.read_input("tags", r#"["a"]"#), Ok(Value::List(vec!["a".into()])));
    assert_eq!(workflow.read_input("release", "12"), Ok("12".into()));
    assert!(matches!(workflow.read_input("count", "x"), Err(InputError::Unreadable { .. })));
    assert!(matches!(
        workflow.read_input("tags", r#"[{"$secret": "x"}]"#),
        Err(InputError::Unreadable { .. })
    ));
    assert!(matches!(workflow.read_input("cuont", "1"), Err(InputError::Unknown { .. })));
}
