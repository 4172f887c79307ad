//! What is generated is what is committed: the schema, and the pages of the codes. `UPDATE=1` writes the schema anew.

use std::collections::BTreeSet;
use std::fs;

use crate::corpus;
use lang::{Code, SourceFile, compile, explain, workflow_schema};

#[test]
fn the_committed_schema_is_the_generated_one() {
    let file = corpus::specification().join("schema/workflow.schema.json");
    let generated = serde_json::to_string_pretty(&workflow_schema()).unwrap() + "\n";
    if corpus::updating() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &generated).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == generated, "schema/workflow.schema.json differs; UPDATE=1 writes it anew");
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let pages: BTreeSet<String> = fs::read_dir(corpus::specification().join("codes"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(pages, codes);
    for (index, code) in Code::ALL.iter().enumerate() {
        assert_eq!(code.name(), format!("IF{:04}", index + 1), "numbers have no gaps");
        let page = explain(*code);
        assert!(page.starts_with(&format!("# {code}: {}\n", code.title())), "{code}: the title differs");
        for section in ["## What happened", "## Example", "## How to mend it"] {
            assert!(page.contains(section), "{code} has no section `{section}`");
        }
    }
}

#[test]
fn the_example_of_every_page_triggers_its_code() {
    let catalogue = corpus::catalogue().unwrap();
    for code in Code::ALL {
        let example = explain(*code).split_once("```yaml\n").and_then(|(_, rest)| rest.split_once("```\n"));
        let Some((example, _)) = example else {
            let what = "only what is no text of a file cannot stand on a page";
            assert!(matches!(code, Code::NotText | Code::Link), "{what}");
            continue;
        };
        let compilation = compile(
            &SourceFile::new("example.yaml", example),
            &catalogue,
            &corpus::options(example).unwrap(),
        );
        let found: Vec<_> = compilation.diagnostics.iter().map(|it| it.code).collect();
        assert!(found.contains(code), "the example of {code} triggers {found:?}");
    }
}
