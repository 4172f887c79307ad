//! Whether a manifest keeps its own rules.

use std::collections::BTreeSet;

use vocab::{ActionManifest, ActionRef, Caching, Port, StepPath, Type};

/// All that is wrong with a manifest; empty when nothing is.
pub fn manifest_problems(manifest: &ActionManifest) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    let name = manifest.action.to_string();
    check(
        name.parse::<ActionRef>().is_ok_and(|read| read == manifest.action),
        format!("`{name}` is no name"),
    );
    check(is_line(&manifest.summary), "the summary is not one line".to_owned());
    check(!manifest.doc.trim().is_empty(), "it says nothing about what it does".to_owned());
    for (kind, ports) in [("input", &manifest.inputs), ("output", &manifest.outputs)] {
        let names: BTreeSet<_> = ports.iter().map(|port| &port.name).collect();
        check(names.len() == ports.len(), format!("an {kind} is there twice"));
        for port in ports {
            for problem in port_problems(port) {
                check(false, format!("the {kind} `{}` {problem}", port.name));
            }
        }
    }
    if let Some(input) = &manifest.isolation.input {
        let is_enum = manifest.input(input).is_some_and(|port| matches!(port.ty, Type::Enum(_)));
        check(is_enum, format!("isolation depends on `{input}`, which is no input of type enum"));
    }
    for effect in &manifest.effects {
        check(StepPath::is_name(&effect.name), format!("the effect `{}` has no proper name", effect.name));
        check(!effect.doc.trim().is_empty(), format!("the effect `{}` says nothing", effect.name));
    }
    let cached = manifest.caching == Caching::Auto;
    check(manifest.effects.is_empty() || !cached, "it has effects and is cached".to_owned());
    for tool in &manifest.tools {
        check(
            !tool.program.is_empty() && !tool.package.is_empty(),
            "a tool without name or package".to_owned(),
        );
    }
    for problem in example_problems(manifest) {
        check(false, format!("the example {problem}"));
    }
    problems
}

fn port_problems(port: &Port) -> Vec<String> {
    let mut problems = Vec::new();
    if !StepPath::is_name(&port.name) {
        problems.push("has no proper name".to_owned());
    }
    if !is_line(&port.doc) {
        problems.push("has a doc that is not one line".to_owned());
    }
    if let Some(default) = &port.default {
        if port.required {
            problems.push("is required and has a default".to_owned());
        }
        if let Err(mismatch) = port.ty.check(default) {
            problems.push(format!("has a default of another type: {mismatch}"));
        }
    }
    problems
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains('\n')
}

/// Looks at the example as text: a step with a name, `uses` of this action, and `with` of its inputs. Real parsing
/// belongs to the language, which checks all examples again.
fn example_problems(manifest: &ActionManifest) -> Vec<String> {
    let mut problems = Vec::new();
    let lines: Vec<(usize, &str)> = manifest
        .example
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|line| (line.len() - line.trim_start_matches(' ').len(), line.trim()))
        .collect();
    let mut given = BTreeSet::new();
    let mut within = None;
    for (indent, line) in &lines {
        if line.contains('\t') || indent % 2 == 1 {
            problems.push(format!("is not indented by twos: `{line}`"));
        }
        match (*indent, within) {
            (0 | 2, _) => match line.split_once(':') {
                Some((key, _)) => within = Some(key),
                None => problems.push(format!("has no key in `{line}`")),
            },
            (4, Some("with")) => {
                given.extend(line.split_once(':').map(|(key, _)| key));
            }
            _ => {}
        }
    }
    let uses = format!("uses: {}", manifest.action);
    if !lines.iter().any(|(indent, line)| *indent == 2 && *line == uses) {
        problems.push(format!("does not say `{uses}`"));
    }
    for name in &given {
        if manifest.input(name).is_none() {
            problems.push(format!("gives `{name}`, which is no input"));
        }
    }
    for port in manifest.inputs.iter().filter(|port| port.required) {
        if !given.contains(port.name.as_str()) {
            problems.push(format!("does not give `{}`, which is required", port.name));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;

    fn manifest(example: &str) -> ActionManifest {
        Manifest::new("test/echo", 1, "Says what it is told.")
            .doc("Says it.")
            .required("text", Type::String, "What to say.")
            .default("times", Type::Integer, 1, "How often.")
            .example(example)
    }

    #[test]
    fn a_good_manifest_has_no_problems() {
        assert_eq!(
            manifest_problems(&manifest("say:\n  uses: test/echo@v1\n  with:\n    text: |\n      hello\n")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn examples_that_would_not_compile_are_found() {
        for example in [
            "",
            "say:\n  uses: test/echo@v2\n  with:\n    text: x\n",
            "say:\n  uses: test/echo@v1\n",
            "say:\n  uses: test/echo@v1\n  with:\n    text: x\n    loud: true\n",
            "say:\n   uses: test/echo@v1\n  with:\n    text: x\n",
        ] {
            assert!(!manifest_problems(&manifest(example)).is_empty(), "{example}");
        }
    }

    #[test]
    fn a_default_of_another_type_is_found() {
        let mut wrong = manifest("say:\n  uses: test/echo@v1\n  with:\n    text: x\n");
        wrong.inputs[1].default = Some("often".into());
        assert_eq!(manifest_problems(&wrong).len(), 1);
    }
}
