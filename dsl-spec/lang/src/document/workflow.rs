//! The top of a file.

use std::time::Duration;

use vocab::Name;

use super::Draft;
use super::concurrency::ConcurrencyDraft;
use super::input::InputDraft;
use super::reader::{Keys, Reader};
use super::step::ON_FAILURE;
use super::step::StepDraft;
use crate::diagnostic::{Code, Finding, Findings, did_you_mean};
use crate::model::{OnFailure, Triggers};
use crate::syntax::{Node, Spanned, cut};
use crate::{SourceFile, Span};

pub(super) const WORKFLOW: Keys = Keys {
    what: "a workflow",
    known: &[
        "apiVersion",
        "kind",
        "metadata",
        "on",
        "inputs",
        "concurrency",
        "priority",
        "timeout",
        "on_failure",
        "steps",
        "finally",
        "outputs",
    ],
    required: &["apiVersion", "kind", "metadata", "steps"],
    later: &["defaults", "permissions"],
};

/// How far a priority is from the usual one, up or down.
const MOST_PRIORITY: i64 = 100;

pub(super) const METADATA: Keys = Keys {
    what: "`metadata`",
    known: &["name", "description"],
    required: &["name"],
    later: &["labels", "annotations"],
};

/// A file that was read: every key in its place, nothing looked up.
#[derive(Debug)]
pub(crate) struct Document {
    /// Without a name there was an error.
    pub(crate) name: Option<Name>,
    pub(crate) description: Option<String>,
    pub(crate) triggers: Triggers,
    /// Where `on.push` stands.
    pub(crate) push: Option<Span>,
    pub(crate) inputs: Vec<InputDraft>,
    pub(crate) concurrency: Option<ConcurrencyDraft>,
    pub(crate) priority: i32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_failure: OnFailure,
    pub(crate) steps: Vec<StepDraft>,
    pub(crate) finally: Vec<StepDraft>,
    pub(crate) outputs: Vec<(Spanned<String>, Draft)>,
}

/// Reads the tree of a file.
pub(crate) fn read(root: &Node, source: &SourceFile, findings: &mut Findings) -> Document {
    Reader { source, findings }.document(root)
}

impl Reader<'_> {
    fn document(&mut self, root: &Node) -> Document {
        let mut document = Document {
            name: None,
            description: None,
            triggers: Triggers { push: None, manual: true },
            push: None,
            inputs: Vec::new(),
            concurrency: None,
            priority: 0,
            timeout: None,
            on_failure: OnFailure::default(),
            steps: Vec::new(),
            finally: Vec::new(),
            outputs: Vec::new(),
        };
        // What is missing is told at the file's first character: the whole file would be underlined else.
        let head = Span::new(root.span.start, root.span.start.saturating_add(1).min(root.span.end));
        let Some(fields) = self.fields(root, &WORKFLOW, head) else { return document };
        for (key, expected) in [("apiVersion", "imagefactory/v1"), ("kind", "Workflow")] {
            if let Some(node) = fields.get(key) {
                self.fixed(node, key, expected);
            }
        }
        if let Some(entry) = fields.entry("metadata")
            && let Some(metadata) = self.fields(&entry.value, &METADATA, entry.key.span)
        {
            document.name = metadata.get("name").and_then(|node| self.workflow_name(node));
            document.description = metadata.get("description").and_then(|node| self.text(node, "a text"));
        }
        if let Some(node) = fields.get("on") {
            (document.triggers, document.push) = self.triggers(node);
        }
        if let Some(node) = fields.get("inputs") {
            document.inputs = self.inputs(node);
        }
        document.concurrency = fields.entry("concurrency").and_then(|entry| self.concurrency(entry));
        if let Some(node) = fields.get("priority") {
            document.priority = self.priority(node);
        }
        document.timeout = fields.get("timeout").and_then(|node| self.duration(node));
        if let Some(node) = fields.get("on_failure") {
            document.on_failure = self.word(node, ON_FAILURE).unwrap_or_default();
        }
        if let Some(entry) = fields.entry("steps") {
            document.steps = self.steps(&entry.value, "`steps`");
            if document.steps.is_empty() && !self.findings.any_error() {
                let message = "a workflow needs at least one step";
                self.report(Finding::new(Code::MissingKey, entry.key.span, message));
            }
        }
        if let Some(node) = fields.get("finally") {
            document.finally = self.steps(node, "`finally`");
        }
        if let Some(node) = fields.get("outputs") {
            for entry in self.entries(node, "`outputs`").unwrap_or_default() {
                if self.name(&entry.key.value, entry.key.span, "an output") {
                    let draft = self.draft(&entry.value);
                    document.outputs.push((entry.key.clone(), draft));
                }
            }
        }
        document
    }

    fn fixed(&mut self, node: &Node, key: &str, expected: &str) {
        let Some(found) = self.text(node, &format!("`{expected}`")) else { return };
        if found != expected {
            let message =
                format!("`{key}: {}` is not known{}", cut(&found), did_you_mean(&found, [expected]));
            let finding = Finding::new(Code::UnknownVersion, node.span, message);
            self.report(finding.help(format!("this version of the factory reads `{key}: {expected}`")));
        }
    }

    fn priority(&mut self, node: &Node) -> i32 {
        let found = self.whole(node, -MOST_PRIORITY, MOST_PRIORITY);
        found.and_then(|number| i32::try_from(number).ok()).unwrap_or_default()
    }

    fn workflow_name(&mut self, node: &Node) -> Option<Name> {
        let text = self.text(node, "the workflow's name")?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let vocab::NameError { rule, .. } = error;
                let message = format!("`{}` is not a valid name of a workflow", cut(&text));
                self.report(Finding::new(Code::BadName, node.span, message).help(rule));
                None
            }
        }
    }
}
