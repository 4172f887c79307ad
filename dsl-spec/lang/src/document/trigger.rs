//! `on`: what starts a run.

use super::reader::{Keys, Reader};
use crate::Span;
use crate::diagnostic::{Code, Finding};
use crate::model::{PushTrigger, Triggers, matcher};
use crate::syntax::{Node, cut};

pub(super) const ON: Keys = Keys {
    what: "`on`",
    known: &["push", "manual"],
    required: &[],
    later: &["schedule", "image", "pull_request", "workflow", "release"],
};

pub(super) const PUSH: Keys =
    Keys { what: "`push`", known: &["branches", "tags", "paths"], required: &[], later: &[] };

pub(super) const MANUAL: Keys = Keys { what: "`manual`", known: &[], required: &[], later: &["environment"] };

/// Patterns in one list, and characters in one pattern: matching stays cheap.
const MOST_PATTERNS: usize = 100;
const LONGEST_PATTERN: usize = 256;

impl Reader<'_> {
    /// The triggers, and where `push` stands.
    pub(super) fn triggers(&mut self, node: &Node) -> (Triggers, Option<Span>) {
        let mut triggers = Triggers::default();
        let mut place = None;
        let Some(fields) = self.fields(node, &ON, node.span) else { return (triggers, None) };
        if let Some(entry) = fields.entry("push") {
            place = Some(entry.key.span);
            if let Some(push) = self.fields(&entry.value, &PUSH, entry.key.span) {
                triggers.push = Some(PushTrigger {
                    branches: push.get("branches").and_then(|node| self.patterns(node)),
                    tags: push.get("tags").and_then(|node| self.patterns(node)),
                    paths: push.get("paths").and_then(|node| self.patterns(node)),
                });
            }
        }
        if let Some(entry) = fields.entry("manual") {
            triggers.manual = self.fields(&entry.value, &MANUAL, entry.key.span).is_some();
        }
        (triggers, place)
    }

    fn patterns(&mut self, node: &Node) -> Option<Vec<String>> {
        let items = self.list(node, "a list of patterns")?;
        if items.is_empty() || items.len() > MOST_PATTERNS {
            let message = format!("expected 1 to {MOST_PATTERNS} patterns, found {}", items.len());
            self.report(Finding::new(Code::BadValue, node.span, message));
            return None;
        }
        Some(items.into_iter().filter_map(|item| self.pattern(item)).collect())
    }

    fn pattern(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node, "a pattern such as `release/*` or `images/**`")?;
        let why = if text.is_empty() {
            "it is empty".to_owned()
        } else if text.len() > LONGEST_PATTERN {
            format!("it has more than {LONGEST_PATTERN} bytes")
        } else if text.starts_with('!') {
            "patterns that take away do not exist; list what is wanted".to_owned()
        } else {
            match matcher(&text) {
                Ok(_) => return Some(text),
                Err(error) => error.kind().to_string(),
            }
        };
        let message = format!("`{}` is not a valid pattern: {why}", cut(&text));
        self.report(Finding::new(Code::BadPattern, node.span, message).help(
            "`*` is anything but `/`, `**` anything, `?` one character, `[ab]` one of these, `{a,b}` either",
        ));
        None
    }
}
