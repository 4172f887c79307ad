//! Shapes, places and refusals of the parser.

use super::parse;
use crate::expr::raw::{Raw, RawKind};

/// Writes a tree with every bracket, so that its shape can be read.
fn shape(raw: &Raw) -> String {
    let list = |parts: &[Raw], by: &str| parts.iter().map(shape).collect::<Vec<_>>().join(by);
    let mark = |safe: &bool| if *safe { "?" } else { "" };
    match &raw.kind {
        RawKind::Literal(value) => value.to_json().to_string(),
        RawKind::Name(name) => name.clone(),
        RawKind::List(parts) => format!("[{}]", list(parts, ",")),
        RawKind::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{key}:{}", shape(value))).collect();
            format!("#{{{}}}", entries.join(","))
        }
        RawKind::Property(base, name, safe) => format!("({}{}.{name})", shape(base), mark(safe)),
        RawKind::Index(base, index, safe) => format!("({}{}[{}])", shape(base), mark(safe), shape(index)),
        RawKind::Not(inner) => format!("(!{})", shape(inner)),
        RawKind::Negate(inner) => format!("(-{})", shape(inner)),
        RawKind::And(parts) => format!("({})", list(parts, "&&")),
        RawKind::Or(parts) => format!("({})", list(parts, "||")),
        RawKind::Coalesce(parts) => format!("({})", list(parts, "??")),
        RawKind::Binary(op, left, right) => format!("({}{}{})", shape(left), op.symbol(), shape(right)),
        RawKind::Call(name, parts) => format!("{name}({})", list(parts, ",")),
    }
}

fn parsed(text: &str) -> Raw {
    parse(&text.chars().collect::<Vec<_>>()).unwrap()
}

#[test]
fn chains_keep_their_order_and_their_question_marks() {
    for (text, expected) in [
        ("a.b.c", "((a.b).c)"),
        ("a?.b.c", "((a?.b).c)"),
        ("a.b?.c", "((a.b)?.c)"),
        ("a[0].b", "((a[0]).b)"),
        ("a[b.c]", "(a[(b.c)])"),
        ("a[b.c].d", "((a[(b.c)]).d)"),
        ("a[b[0]].c", "((a[(b[0])]).c)"),
        ("a[0]?[1][2]", "(((a[0])?[1])[2])"),
        ("a?[0][1]", "((a?[0])[1])"),
        ("a.b[0].c[x.y[1]].d", "(((((a.b)[0]).c)[((x.y)[1])]).d)"),
        ("(a.b).c", "((a.b).c)"),
        ("f(a).b", "(f(a).b)"),
    ] {
        assert_eq!(shape(&parsed(text)), expected, "{text}");
    }
}

#[test]
fn operators_bind_as_the_specification_says() {
    for (text, expected) in [
        ("1 + 2 * 3", "(1+(2*3))"),
        ("a - b - c", "((a-b)-c)"),
        ("a && b || c && d", "((a&&b)||(c&&d))"),
        ("!a == b", "((!a)==b)"),
        ("a ?? 1 == 2", "((a??1)==2)"),
        ("a ?? b ?? c", "(a??b??c)"),
        ("a < b && c >= d", "((a<b)&&(c>=d))"),
        ("-a + -1", "((-a)+-1)"),
        ("a % b / c", "((a%b)/c)"),
        ("a + 1 == b", "((a+1)==b)"),
        ("[1, \"x\", #{k: true}]", "[1,\"x\",#{k:true}]"),
    ] {
        assert_eq!(shape(&parsed(text)), expected, "{text}");
    }
}

#[test]
fn places_cover_what_was_written() {
    for (text, part) in [
        ("  a.bc ", "a.bc"),
        (" f( a, \")\" ) ", "f( a, \")\" )"),
        ("é_ == 1", ""),
        ("\"ü\" + x[ 1 ]", "\"ü\" + x[ 1 ]"),
        ("- 12.5", "- 12.5"),
        ("!yes", "!yes"),
        ("( a + 1 ) * (2 - \")\") + 3", "( a + 1 ) * (2 - \")\") + 3"),
        ("f((a) + (b))", "f((a) + (b))"),
    ] {
        let characters: Vec<char> = text.chars().collect();
        if let Ok(raw) = parse(&characters) {
            assert_eq!(characters[raw.start..raw.end].iter().collect::<String>(), part, "{text}");
        }
    }
}

#[test]
fn what_is_no_expression_is_refused() {
    for text in [
        "",
        " ",
        "a +",
        "(a",
        "a b",
        "if a {1} else {2}",
        "let x = 1",
        "x = 1",
        "a => b",
        "|x| x",
        "a.len()",
        "f!()",
        "a in b",
        "a !in b",
        "1..3",
        "a | b",
        "a ** 2",
        "()",
        "'a'",
        "`a`",
        "#\"a\"#",
        "##\"a\"##",
        "# {a: 1}",
        "1;2",
        "99999999999999999999",
        "this",
        "a::b",
        "fn f() {}",
        "a.",
        "a..b",
        "#{",
        "#{a:1,a:2}",
        "\"\\q\"",
        "0x",
        "1e999",
        "a /* b */",
        "a // b",
        "switch a { 1 => 2 }",
        "import \"x\"",
        "eval(\"1\") +",
        "a[",
        "a?.",
        "?.a",
        "\u{0}",
        "true &&",
        "throw 1",
    ] {
        assert!(parse(&text.chars().collect::<Vec<_>>()).is_err(), "{text}");
    }
}

#[test]
fn hostile_expressions_end_in_a_diagnostic() {
    let deep = |open: &str, close: &str, count| format!("{}a{}", open.repeat(count), close.repeat(count));
    for text in [
        deep("(", ")", 1000),
        deep("[", "]", 1000),
        deep("-", "", 2000),
        deep("!", "", 2000),
        deep("a[", "]", 600),
        deep("f(", ")", 600),
        deep("", ".b", 1000),
        deep("", "[0]", 600),
        deep("", "?[0].b", 300),
        deep("1+", "", 1000),
        deep("a&&", "", 600),
        deep("1*1+", "", 500),
        deep("b==", "", 600),
        deep("#{a:", "}", 400),
    ] {
        assert!(parse(&text.chars().collect::<Vec<_>>()).is_err(), "{}", &text[..20]);
    }
    assert!(parse(&deep("a&&", "", 50).chars().collect::<Vec<_>>()).is_ok());
}
