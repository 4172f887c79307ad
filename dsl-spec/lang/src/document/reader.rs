//! Reads nodes as what they should be, and says so where they are not.

use std::time::Duration;

use vocab::{StepPath, Value};

use crate::diagnostic::{Code, Finding, Findings, did_you_mean};
use crate::syntax::{Entry, Node, NodeKind, Scalar, cut};
use crate::{SourceFile, Span};

/// The keys that a map may have.
#[derive(Debug)]
pub(crate) struct Keys {
    /// What the map is, with an article: `a step`.
    pub(crate) what: &'static str,
    /// Keys that it may have.
    pub(crate) known: &'static [&'static str],
    /// Keys that it must have.
    pub(crate) required: &'static [&'static str],
    /// Keys that are planned for a later version of the language.
    pub(crate) later: &'static [&'static str],
}

/// The entries of a map whose keys were checked.
pub(super) struct Fields<'n> {
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The value of a key. A key without a value counts as missing.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &*entry.value)
    }

    pub(super) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key.value == key)
    }
}

pub(super) struct Reader<'a> {
    pub(super) source: &'a SourceFile,
    pub(super) findings: &'a mut Findings,
}

impl Reader<'_> {
    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Reports that `node` is not what it should be.
    pub(super) fn wrong<T>(&mut self, node: &Node, expected: &str) -> Option<T> {
        let message = format!("expected {expected}, found {}", node.describe());
        self.report(Finding::new(Code::WrongShape, node.span, message));
        None
    }

    /// The entries of a map with these keys. Nothing at all counts as an empty map.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, keys: &Keys, at: Span) -> Option<Fields<'n>> {
        let entries = self.entries(node, keys.what)?;
        for entry in entries {
            let key = entry.key.value.as_str();
            if keys.known.contains(&key) {
                continue;
            }
            let finding = if keys.later.contains(&key) {
                let message = format!("{} has no `{key}` in this version of the language", keys.what);
                Finding::new(Code::UnknownKey, entry.key.span, message)
                    .help("the key is planned; until it exists, a file that holds it does not compile")
            } else {
                let suggestion = did_you_mean(key, keys.known.iter().copied());
                let message = format!("{} has no key `{}`{suggestion}", keys.what, cut(key));
                Finding::new(Code::UnknownKey, entry.key.span, message)
                    .help(format!("the keys are: {}", keys.known.join(", ")))
            };
            self.report(finding);
        }
        for key in keys.required {
            if !entries.iter().any(|entry| entry.key.value == *key) {
                let message = format!("{} needs `{key}`", keys.what);
                self.report(Finding::new(Code::MissingKey, at, message));
            }
        }
        Some(Fields { entries })
    }

    /// The entries of a map with any keys.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        match &node.kind {
            NodeKind::Map(entries) => Some(entries),
            NodeKind::Scalar(scalar) if scalar.value() == Value::Null => Some(&[]),
            _ => self.wrong(node, &format!("{what}, which is a map")),
        }
    }

    pub(super) fn scalar<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n Scalar> {
        match &node.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => self.wrong(node, expected),
        }
    }

    /// A text without expressions.
    pub(super) fn text(&mut self, node: &Node, expected: &str) -> Option<String> {
        let scalar = self.scalar(node, expected)?;
        if scalar.value() == Value::Null {
            return self.wrong(node, expected);
        }
        if scalar.text.contains("${{") {
            let message = format!("expected {expected}; expressions are not evaluated here");
            self.report(Finding::new(Code::WrongShape, node.span, message));
            return None;
        }
        // `name: 12` means the text, as people write it.
        Some(scalar.text.clone())
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match self.scalar(node, "`true` or `false`")?.value() {
            Value::Bool(flag) => Some(flag),
            _ => self.wrong(node, "`true` or `false`"),
        }
    }

    /// A number with or without a fraction, within bounds.
    pub(super) fn number(&mut self, node: &Node, least: f64, most: f64) -> Option<f64> {
        let expected = format!("a number from {least} to {most}");
        let number = match self.scalar(node, &expected)?.value() {
            #[expect(clippy::cast_precision_loss, reason = "a number this large is out of bounds anyway")]
            Value::Integer(number) => number as f64,
            Value::Number(number) => number,
            _ => return self.wrong(node, &expected),
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        self.report(Finding::new(Code::BadValue, node.span, format!("expected {expected}, found {number}")));
        None
    }

    /// A whole number within bounds, none of them negative.
    pub(super) fn integer(&mut self, node: &Node, least: u32, most: u32) -> Option<u32> {
        self.whole(node, least.into(), most.into()).and_then(|number| u32::try_from(number).ok())
    }

    /// A whole number within bounds.
    pub(super) fn whole(&mut self, node: &Node, least: i64, most: i64) -> Option<i64> {
        let expected = format!("a whole number from {least} to {most}");
        let Value::Integer(number) = self.scalar(node, &expected)?.value() else {
            return self.wrong(node, &expected);
        };
        let found = Some(number).filter(|number| (least..=most).contains(number));
        if found.is_none() {
            self.report(Finding::new(
                Code::BadValue,
                node.span,
                format!("expected {expected}, found {number}"),
            ));
        }
        found
    }

    /// A length of time that is longer than nothing and at most a year.
    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
        let text = self.text(node, "a duration such as `90s` or `1h 30m`")?;
        let duration = Value::String(text.clone()).as_duration();
        if let Some(duration) = duration.filter(|duration| !duration.is_zero() && *duration <= YEAR) {
            return Some(duration);
        }
        let why = match duration {
            Some(duration) if duration.is_zero() => "is no time at all",
            Some(_) => "is longer than a year",
            None => "is no duration",
        };
        self.report(
            Finding::new(Code::BadDuration, node.span, format!("`{}` {why}", cut(&text)))
                .help("write numbers with ms, s, m, h or d: `90s`, `20m`, `1h 30m`"),
        );
        None
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let listed = names.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let expected = if names.len() == 1 { listed } else { format!("one of {listed}") };
        let text = self.text(node, &expected)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let suggestion = did_you_mean(&text, names);
        let message = format!("`{}` is not allowed here{suggestion}", cut(&text));
        self.report(Finding::new(Code::BadValue, node.span, message).help(format!("expected {expected}")));
        None
    }

    /// A list; one that is missing items is refused where `what` must not be empty.
    pub(super) fn list<'n>(&mut self, node: &'n Node, expected: &str) -> Option<Vec<&'n Node>> {
        match &node.kind {
            NodeKind::List(items) => Some(items.iter().map(|item| &**item).collect()),
            _ => self.wrong(node, expected),
        }
    }

    /// Whether a key is a name: of a step, an input, an output.
    pub(super) fn name(&mut self, name: &str, span: Span, what: &str) -> bool {
        if StepPath::is_name(name) {
            return true;
        }
        let candidate: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .take(64)
            .collect();
        let help = if StepPath::is_name(&candidate) {
            format!("names match `[a-z][a-z0-9_]*` and have at most 64 characters; `{candidate}` would do")
        } else {
            "names match `[a-z][a-z0-9_]*` and have at most 64 characters".to_owned()
        };
        let message = format!("`{}` is not a valid name of {what}", cut(name));
        self.report(Finding::new(Code::BadName, span, message).help(help));
        false
    }
}
