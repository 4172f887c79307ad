//! `retry`: when an attempt is made again.

use vocab::ErrorClass;

use super::reader::{Keys, Reader};
use crate::diagnostic::{Code, Finding};
use crate::model::{Backoff, Retry};
use crate::syntax::Node;

pub(super) const RETRY: Keys =
    Keys { what: "`retry`", known: &["attempts", "on", "backoff"], required: &[], later: &[] };

pub(super) const BACKOFF: Keys =
    Keys { what: "`backoff`", known: &["initial", "factor", "max"], required: &[], later: &["jitter"] };

impl Reader<'_> {
    pub(super) fn retry(&mut self, node: &Node) -> Option<Retry> {
        let fields = self.fields(node, &RETRY, node.span)?;
        let mut retry = Retry::default();
        if let Some(attempts) = fields.get("attempts").and_then(|node| self.integer(node, 1, 20)) {
            retry.attempts = attempts;
        }
        if let Some(node) = fields.get("on") {
            retry.on = self.classes(node).unwrap_or_default();
        }
        if let Some(node) = fields.get("backoff") {
            retry.backoff = self.backoff(node)?;
        }
        Some(retry)
    }

    fn classes(&mut self, node: &Node) -> Option<Vec<ErrorClass>> {
        let words = ErrorClass::ALL.map(|class| (class.name(), class));
        let items = self.list(node, "a list of classes of failures")?;
        if items.is_empty() {
            let message = "an empty list retries nothing";
            self.report(
                Finding::new(Code::BadValue, node.span, message).help("leave out `retry`, or name a class"),
            );
        }
        let mut classes = Vec::new();
        for item in items {
            if let Some(class) = self.word(item, &words)
                && !classes.contains(&class)
            {
                classes.push(class);
            }
        }
        Some(classes)
    }

    fn backoff(&mut self, node: &Node) -> Option<Backoff> {
        let fields = self.fields(node, &BACKOFF, node.span)?;
        let mut backoff = Backoff::default();
        if let Some(initial) = fields.get("initial").and_then(|node| self.duration(node)) {
            backoff.initial = initial;
            backoff.max = backoff.max.max(initial);
        }
        if let Some(factor) = fields.get("factor").and_then(|node| self.number(node, 1.0, 10.0)) {
            backoff.factor = factor;
        }
        if let Some(node) = fields.get("max")
            && let Some(max) = self.duration(node)
        {
            if max < backoff.initial {
                let message = "the longest wait is shorter than the first one";
                self.report(Finding::new(Code::BadValue, node.span, message));
            }
            backoff.max = max;
        }
        Some(backoff)
    }
}
