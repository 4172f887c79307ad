//! No input makes the compiler panic, and every place it names lies in the file.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use lang::{Catalogue, Compilation, CompileOptions, SourceFile, Workflow, compile};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::corpus;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| corpus::catalogue().unwrap());

fn holds(text: &str) -> Compilation {
    let source = SourceFile::new("file.yaml", text);
    let compilation = compile(&source, &CATALOGUE, &CompileOptions::default());
    let errors = compilation.diagnostics.iter().any(|it| it.severity == lang::Severity::Error);
    assert_eq!(compilation.workflow.is_some(), !errors && compilation.omitted == 0, "a workflow or an error");
    let lines = text.matches('\n').count() + 1;
    for diagnostic in &compilation.diagnostics {
        for span in std::iter::once(&diagnostic.span).chain(diagnostic.labels.iter().map(|label| &label.span))
        {
            assert!(span.start <= span.end && span.end <= text.len(), "{diagnostic:?}");
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{diagnostic:?}");
            assert!((span.line, span.column) <= (span.end_line, span.end_column), "{diagnostic:?}");
            assert!(span.line >= 1 && span.column >= 1 && span.end_line <= lines);
        }
        assert!(!diagnostic.render(&source).is_empty() && !diagnostic.render_coloured(&source).is_empty());
    }
    compilation
}

/// Pieces that mean something to the parser or to expressions.
const PIECES: &[&str] = &[
    "${{",
    "}}",
    "steps.",
    "inputs.",
    ".outputs.",
    "each.value",
    "success()",
    "if: ",
    "needs: [",
    "with:\n",
    "\n  ",
    "\n",
    "\t",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "---\n",
    "...",
    "|\n",
    ">-\n  ",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    "#",
    "?",
    "?.",
    "?[",
    "??",
    "==",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "/",
    "0",
    "9223372036854775808",
    "1e999",
    "é",
    "🏭",
    "\r\n",
    "\u{0}",
    "\u{feff}",
    "\u{2028}",
    "\\",
    "\\u00e9",
    "%",
    "@",
    "`",
    "~",
    "null",
    "null: ",
    "#{a: 1}",
    "#\"",
    "\"#",
    "##\"",
    "(",
    ")",
    ",",
    "contains(",
    "format(",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(PIECES).prop_map(str::to_owned), 1 => "\\PC{0,3}"]
}

fn valid_file() -> impl Strategy<Value = String> {
    let texts: Vec<String> =
        corpus::files("valid").iter().map(|file| corpus::load(file).unwrap().0.text().to_owned()).collect();
    select(texts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_texts_never_panic(text in "\\PC{0,200}") {
        holds(&text);
    }

    #[test]
    fn arbitrary_pieces_never_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        holds(&pieces.concat());
    }

    #[test]
    fn arbitrary_expressions_never_panic(pieces in prop::collection::vec(piece(), 0..12), quoted in any::<bool>()) {
        let text = pieces.concat().replace('\n', " ");
        let value = if quoted { format!("'${{{{ {} }}}}'", text.replace('\'', "''")) } else { format!("${{{{ {text} }}}}") };
        holds(&format!(
            "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata: {{name: a}}\nsteps:\n  a:\n    uses: test/values@v1\n    \
             if: {value}\n    with:\n      any: {value}\n"
        ));
    }

    #[test]
    fn changed_files_never_panic(
        text in valid_file(),
        changes in prop::collection::vec((any::<Index>(), 0..12_usize, piece()), 1..6),
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, removed, piece) in changes {
            let at = at.index(characters.len() + 1);
            let end = (at + removed).min(characters.len());
            characters.splice(at..end, piece.chars());
        }
        let compilation = holds(&characters.into_iter().collect::<String>());
        if let Some(workflow) = compilation.workflow {
            let json = serde_json::to_string(&workflow).unwrap();
            prop_assert_eq!(serde_json::from_str::<Workflow>(&json).unwrap(), workflow);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let source = SourceFile::from_bytes("file.yaml", &bytes);
        let compilation = compile(&source, &CATALOGUE, &CompileOptions::default());
        for diagnostic in &compilation.diagnostics {
            prop_assert!(diagnostic.span.end <= source.text().len());
            diagnostic.render(&source);
        }
    }
}

/// The texts in `#"…"#` that the parser knows and the language does not, wherever an expression may stand.
#[test]
fn raw_texts_are_refused_wherever_they_stand() {
    for text in [
        r##"#"abc"#"##,
        r###"##"abc"##"###,
        r##"#"}}"#"##,
        r##"#"a\"#"##,
        r##"len(#"abc"#)"##,
        r##"#{a: #"abc"#}"##,
        r##"#{"a": "b"}[#"a"#]"##,
        r##""a" + #"b"#"##,
        r##"#"a"# == "a""##,
    ] {
        let quoted = text.replace('\'', "''");
        let compilation = holds(&format!(
            "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata: {{name: a}}\nsteps:\n  a:\n    uses: test/values@v1\n    \
             if: '{quoted}'\n    with:\n      any: '${{{{ {quoted} }}}}'\n"
        ));
        let errors: Vec<_> = compilation.diagnostics.iter().map(|it| (it.code, it.span.line)).collect();
        assert!(compilation.workflow.is_none(), "{text} compiles");
        assert_eq!(errors[0], (lang::Code::NotInExpressions, 7), "{text}");
        assert!(errors[1].1 == 9, "{text}: {errors:?}");
    }
}

/// A file of the greatest size made of one hostile pattern ends soon, in a small stack too.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test asks how long it takes")]
fn the_largest_hostile_files_end_soon() {
    const SIZE: usize = 1 << 20;
    let head = "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata: {name: a}\nsteps:\n";
    let fill = |pattern: &str| pattern.repeat(SIZE / pattern.len());
    let step = |index: usize| {
        format!("  s{index}: {{uses: test/values@v1, needs: [s{}]}}\n", index.saturating_sub(1))
    };
    let chain: String = (0..9_000).map(step).collect();
    let conditional = |index: usize| {
        let (condition, reads) = ("'run.id == \"a\"'", index / 2);
        format!(
            "  c{index}: {{uses: test/values@v1, if: {condition}, with: {{any: '${{{{ steps.c{reads}.outputs.any ?? 1 }}}}'}}}}\n"
        )
    };
    let conditional: String = (0..2_000).map(conditional).collect();
    let key = |index: usize| format!("      k{index}: 1\n");
    let keys: String = (0..60_000).map(key).collect();
    let expressions = "        - ${{ inputs.x + steps.y.outputs.z }}\n".repeat(15_000);
    let files = [
        fill("["),
        fill("- "),
        fill("? "),
        fill("{a: "),
        fill("a: "),
        fill("a:\n"),
        fill("&a "),
        fill("!a "),
        fill("\""),
        fill("'"),
        fill("#"),
        fill("\n"),
        fill(" "),
        fill("- a\n"),
        fill("|\n"),
        fill("%"),
        fill("${{"),
        fill("x"),
        fill("\\"),
        fill("*a "),
        fill("a b: "),
        fill("[a, "),
        fill("\"a\" "),
        fill("-\n"),
        fill("- - a\n"),
        fill(": "),
        fill(",,"),
        fill("]"),
        fill("é"),
        fill("a: &a\n"),
        fill("'' "),
        format!("{head}{chain}"),
        format!("{head}{conditional}"),
        format!("{head}  a:\n    uses: test/values@v1\n    with:\n      any:\n{expressions}"),
        format!(
            "{head}  a:\n    uses: test/values@v1\n    with: {{text: \"{}\"}}\n",
            "${{ 1 }}".repeat(100_000)
        ),
        format!(
            "{head}  a:\n    uses: test/values@v1\n    with: {{text: \"{}\"}}\n",
            "${{ \\\" ".repeat(80_000)
        ),
        format!("{head}  a:\n    uses: test/values@v1\n    with:\n{keys}"),
        format!("{head}{}", "  a: {uses: test/values@v1}\n".repeat(30_000)),
    ];
    let work = move || {
        for file in files {
            let start = Instant::now();
            holds(&file);
            let took = start.elapsed();
            let shown: String = file.chars().skip(100).take(60).collect();
            assert!(took < Duration::from_secs(20), "{took:?} for {shown:?}");
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
}
