//! `inputs`: what a run may be started with.

use vocab::{SecretRef, Type, Value};

use super::DraftKind;
use super::reader::{Fields, Keys, Reader};
use crate::Span;
use crate::diagnostic::{Code, Finding, did_you_mean, nearest};
use crate::model::Input;
use crate::syntax::{Node, Spanned, cut};

pub(super) const INPUT: Keys = Keys {
    what: "an input",
    known: &["type", "enum", "items", "values", "default", "required", "description"],
    required: &["type"],
    later: &["pattern", "minimum", "maximum"],
};

/// The types that an input may have, by their words.
const TYPES: [(&str, Kind); 10] = [
    ("string", Kind::String),
    ("integer", Kind::Integer),
    ("number", Kind::Number),
    ("boolean", Kind::Boolean),
    ("digest", Kind::Digest),
    ("duration", Kind::Duration),
    ("size", Kind::Size),
    ("secret", Kind::Secret),
    ("list", Kind::List),
    ("map", Kind::Map),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Integer,
    Number,
    Boolean,
    Digest,
    Duration,
    Size,
    Secret,
    List,
    Map,
}

/// An input and where its name stands.
#[derive(Debug)]
pub(crate) struct InputDraft {
    pub(crate) name: Spanned<String>,
    pub(crate) input: Input,
}

impl Reader<'_> {
    pub(super) fn inputs(&mut self, node: &Node) -> Vec<InputDraft> {
        let mut inputs = Vec::new();
        for entry in self.entries(node, "`inputs`").unwrap_or_default() {
            let named = self.name(&entry.key.value, entry.key.span, "an input");
            let input = self.input(&entry.value, entry.key.span);
            if named && let Some(input) = input {
                inputs.push(InputDraft { name: entry.key.clone(), input });
            }
        }
        inputs
    }

    fn input(&mut self, node: &Node, at: Span) -> Option<Input> {
        let fields = self.fields(node, &INPUT, at)?;
        // An input with a broken type still has its name: references to it are no further errors.
        let ty = self.input_type(&fields).unwrap_or(Type::Any);
        let default = fields.get("default").and_then(|node| self.default(node, &ty));
        let has_default = fields.get("default").is_some();
        let required = match fields.entry("required") {
            None => !has_default,
            Some(entry) => {
                let required = self.boolean(&entry.value).unwrap_or(false);
                if required && has_default {
                    let message = "an input with a default is never required";
                    self.report(
                        Finding::new(Code::ContradictoryInput, entry.key.span, message)
                            .help("leave out `required` or `default`"),
                    );
                }
                required && !has_default
            }
        };
        let description = fields.get("description").and_then(|node| self.text(node, "a text"));
        // A default that does not fit is reported once; that the input may be null is no second problem.
        let default = default.or(has_default.then_some(Value::Null));
        Some(Input { ty, required, default, description })
    }

    fn input_type(&mut self, fields: &Fields<'_>) -> Option<Type> {
        let kind = self.kind(fields.get("type")?)?;
        let kinds = |key: &str| match key {
            "enum" => Kind::String,
            "items" => Kind::List,
            _ => Kind::Map,
        };
        for key in ["enum", "items", "values"] {
            if let Some(entry) = fields.entry(key)
                && kinds(key) != kind
            {
                let word = TYPES.iter().find(|(_, of)| *of == kinds(key)).map_or("", |(word, _)| word);
                let message = format!("`{key}` belongs to an input of type `{word}`");
                self.report(Finding::new(Code::ContradictoryInput, entry.key.span, message));
            }
        }
        Some(match kind {
            Kind::String => match fields.get("enum") {
                None => Type::String,
                Some(node) => Type::Enum(self.words(node)?),
            },
            Kind::List => Type::list(self.element(fields.get("items"))?),
            Kind::Map => Type::map(self.element(fields.get("values"))?),
            simple => simple_type(simple)?,
        })
    }

    fn kind(&mut self, node: &Node) -> Option<Kind> {
        let names: Vec<_> = TYPES.iter().map(|(word, _)| *word).collect();
        let text = self.text(node, "the name of a type")?;
        if let Some((_, kind)) = TYPES.iter().find(|(word, _)| *word == text) {
            return Some(*kind);
        }
        let suggestion = did_you_mean(&text, names.iter().copied());
        let message = format!("there is no type `{}`{suggestion}", cut(&text));
        self.report(
            Finding::new(Code::UnknownType, node.span, message)
                .help(format!("the types are: {}", names.join(", "))),
        );
        None
    }

    /// The type of the items of a list or the values of a map: texts, when nothing is said.
    fn element(&mut self, node: Option<&Node>) -> Option<Type> {
        let Some(node) = node else { return Some(Type::String) };
        let kind = self.kind(node)?;
        let ty = simple_type(kind);
        if ty.is_none() {
            let message = "lists and maps hold simple values";
            self.report(Finding::new(Code::UnknownType, node.span, message));
        }
        ty
    }

    fn words(&mut self, node: &Node) -> Option<Vec<String>> {
        const MOST: usize = 200;
        let items = self.list(node, "a list of texts")?;
        if items.is_empty() || items.len() > MOST {
            let message = format!("expected 1 to {MOST} words, found {}", items.len());
            self.report(Finding::new(Code::BadValue, node.span, message));
            return None;
        }
        let mut words = Vec::with_capacity(items.len());
        for item in items {
            let word = self.text(item, "a text")?;
            if words.contains(&word) {
                let message = format!("`{word}` stands twice");
                self.report(Finding::new(Code::ContradictoryInput, item.span, message));
            } else {
                words.push(word);
            }
        }
        Some(words)
    }

    fn default(&mut self, node: &Node, ty: &Type) -> Option<Value> {
        let draft = self.draft(node);
        let mut constant = true;
        draft.each_expr(&mut |_| constant = false);
        if !constant {
            let message = "a default is a plain value, without expressions";
            self.report(Finding::new(Code::BadDefault, node.span, message));
            return None;
        }
        if matches!(draft.kind, DraftKind::Broken) {
            return None;
        }
        let template = draft.into_template();
        let value = match (ty, template.literal()?.clone()) {
            (Type::Secret, Value::String(name)) => Value::Secret(SecretRef(name)),
            (_, value) => value,
        };
        match ty.check(&value) {
            Ok(()) => Some(value),
            Err(mismatch) => {
                let finding = Finding::new(
                    Code::BadDefault,
                    node.span,
                    format!("the default does not fit: {mismatch}"),
                );
                let help = match (ty, &value) {
                    (Type::Enum(words), Value::String(text)) => {
                        nearest(text, words.iter().map(String::as_str))
                            .map(|found| format!("did you mean `{found}`?"))
                    }
                    (Type::String | Type::Enum(_), Value::Integer(_) | Value::Number(_) | Value::Bool(_)) => {
                        Some("quote it to make it a text".to_owned())
                    }
                    _ => None,
                };
                self.report(finding.maybe_help(help));
                None
            }
        }
    }
}

fn simple_type(kind: Kind) -> Option<Type> {
    Some(match kind {
        Kind::String => Type::String,
        Kind::Integer => Type::Integer,
        Kind::Number => Type::Number,
        Kind::Boolean => Type::Boolean,
        Kind::Digest => Type::Digest,
        Kind::Duration => Type::Duration,
        Kind::Size => Type::Size,
        Kind::Secret => Type::Secret,
        Kind::List | Kind::Map => return None,
    })
}
