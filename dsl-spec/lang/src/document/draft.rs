//! Values with expressions, with the place of every part, before their types are checked.

use vocab::Value;

use super::reader::Reader;
use crate::diagnostic::{Code, Finding};
use crate::expr::{DEEPEST_VALUE, Part, Template, convert, end_of_expression};
use crate::syntax::{Node, NodeKind, Scalar, ScalarForm, ScalarMap, Spanned, cut};
use crate::{Expr, Span};

/// A value as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) kind: DraftKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum DraftKind {
    Literal(Value),
    Expr(Expr),
    Text(Vec<Part>),
    List(Vec<Draft>),
    Map(Vec<(Spanned<String>, Draft)>),
    /// Something was wrong with it, and was reported.
    Broken,
}

impl Draft {
    /// The finished template; parts without expressions become literals.
    pub(crate) fn into_template(self) -> Template {
        match self.kind {
            DraftKind::Literal(value) => Template::Literal(value),
            DraftKind::Expr(expr) => Template::Expr(expr),
            DraftKind::Text(parts) => Template::Text(parts),
            DraftKind::Broken => Template::Literal(Value::Null),
            DraftKind::List(items) => {
                let items: Vec<_> = items.into_iter().map(Self::into_template).collect();
                let literals: Option<Vec<_>> = items.iter().map(|item| item.literal().cloned()).collect();
                literals.map_or(Template::List(items), |items| Template::Literal(Value::List(items)))
            }
            DraftKind::Map(entries) => {
                let entries: std::collections::BTreeMap<_, _> =
                    entries.into_iter().map(|(key, entry)| (key.value, entry.into_template())).collect();
                let literals: Option<_> = entries
                    .iter()
                    .map(|(key, entry)| Some((key.clone(), entry.literal()?.clone())))
                    .collect();
                literals.map_or(Template::Map(entries), |entries| Template::Literal(Value::Map(entries)))
            }
        }
    }

    /// Calls `visit` for each expression in it.
    pub(crate) fn each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            DraftKind::Literal(_) | DraftKind::Broken => {}
            DraftKind::Expr(expr) => visit(expr),
            DraftKind::Text(parts) => {
                for part in parts {
                    if let Part::Expr(expr) = part {
                        visit(expr);
                    }
                }
            }
            DraftKind::List(items) => items.iter().for_each(|item| item.each_expr(visit)),
            DraftKind::Map(entries) => entries.iter().for_each(|(_, entry)| entry.each_expr(visit)),
        }
    }
}

impl Reader<'_> {
    /// Any value, with expressions in its texts.
    pub(super) fn draft(&mut self, node: &Node) -> Draft {
        self.draft_at(node, 0)
    }

    fn draft_at(&mut self, node: &Node, depth: usize) -> Draft {
        if depth > DEEPEST_VALUE {
            let message = format!("a value nests at most {DEEPEST_VALUE} levels");
            self.report(Finding::new(Code::TooDeep, node.span, message));
            return Draft { kind: DraftKind::Broken, span: node.span };
        }
        let kind = match &node.kind {
            NodeKind::Scalar(scalar) => self.scalar_draft(scalar, node.span),
            NodeKind::List(items) => {
                DraftKind::List(items.iter().map(|item| self.draft_at(item, depth + 1)).collect())
            }
            NodeKind::Map(entries) => {
                for entry in entries.iter().filter(|entry| entry.key.value.starts_with('$')) {
                    let message = format!("the key `{}` is not allowed", cut(&entry.key.value));
                    self.report(Finding::new(Code::BadName, entry.key.span, message).help(
                        "keys that begin with `$` name artifacts and secrets, which only the factory makes",
                    ));
                }
                let entries =
                    entries.iter().map(|entry| (entry.key.clone(), self.draft_at(&entry.value, depth + 1)));
                DraftKind::Map(entries.collect())
            }
        };
        Draft { kind, span: node.span }
    }

    fn scalar_draft(&mut self, scalar: &Scalar, span: Span) -> DraftKind {
        if !scalar.text.contains("${{") {
            return DraftKind::Literal(scalar.value());
        }
        let characters: Vec<char> = scalar.text.chars().collect();
        let map = ScalarMap::new(self.source.text(), span, &scalar.text, scalar.form);
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut whole = true;
        let mut at = 0;
        while at < characters.len() {
            match &characters[at..] {
                ['$', '$', '{', '{', ..] => {
                    plain.push_str("${{");
                    at += 4;
                }
                ['$', '{', '{', ..] => {
                    let Some(end) = end_of_expression(&characters, at + 3) else {
                        let finding = Finding::new(
                            Code::OpenExpression,
                            map.span(at, at + 3),
                            "this `${{` has no `}}`",
                        );
                        self.report(finding.help(self.help_for_open(scalar, span)));
                        return DraftKind::Broken;
                    };
                    let place = |from: usize, to: usize| map.span(at + 3 + from, at + 3 + to);
                    let Some(expr) = convert(&characters[at + 3..end], &place, self.findings) else {
                        whole = false;
                        parts.push(None);
                        at = end + 2;
                        continue;
                    };
                    if !plain.is_empty() {
                        parts.push(Some(Part::Text(std::mem::take(&mut plain))));
                    }
                    whole &= at == 0 && end + 2 == characters.len();
                    parts.push(Some(Part::Expr(expr)));
                    at = end + 2;
                }
                [character, ..] => {
                    plain.push(*character);
                    at += 1;
                }
                [] => break,
            }
        }
        if parts.is_empty() {
            return DraftKind::Literal(Value::String(plain));
        }
        if !plain.is_empty() {
            parts.push(Some(Part::Text(plain)));
        }
        match parts.into_iter().collect::<Option<Vec<_>>>() {
            None => DraftKind::Broken,
            Some(mut parts) => match (whole, parts.len(), parts.pop()) {
                (true, 1, Some(Part::Expr(expr))) => DraftKind::Expr(expr),
                (_, _, last) => {
                    parts.extend(last);
                    DraftKind::Text(parts)
                }
            },
        }
    }

    fn help_for_open(&self, scalar: &Scalar, span: Span) -> &'static str {
        let behind = self.source.text().get(span.end as usize..).unwrap_or_default();
        if scalar.form == ScalarForm::Plain && behind.trim_start_matches([' ', '\t']).starts_with('#') {
            "in YAML a blank and `#` begin a comment: quote the whole value, '${{ #{ a: 1 } }}'"
        } else {
            "to write `${{` as text, double the dollar: `$${{`"
        }
    }

    /// A condition: an expression, with or without `${{ }}` around it.
    pub(super) fn condition(&mut self, node: &Node) -> Option<Expr> {
        let scalar = self.scalar(node, "a condition")?;
        if scalar.value() == Value::Null {
            return self.wrong(node, "a condition");
        }
        let characters: Vec<char> = scalar.text.chars().collect();
        let map = ScalarMap::new(self.source.text(), node.span, &scalar.text, scalar.form);
        let blank = |c: &char| c.is_whitespace();
        let first = characters.iter().position(|c| !blank(c)).unwrap_or(0);
        let last = characters.iter().rposition(|c| !blank(c)).map_or(0, |at| at + 1);
        let (start, end) = match &characters[first..last.max(first)] {
            ['$', '{', '{', ..] => match end_of_expression(&characters, first + 3) {
                Some(end) if end + 2 == last => (first + 3, end),
                Some(end) => {
                    let message = "a condition is one expression; nothing may stand behind its `}}`";
                    self.report(Finding::new(Code::BadExpression, map.span(end + 2, last), message));
                    return None;
                }
                None => {
                    let message = "this `${{` has no `}}`";
                    let finding = Finding::new(Code::OpenExpression, map.span(first, first + 3), message);
                    self.report(finding.help(self.help_for_open(scalar, node.span)));
                    return None;
                }
            },
            _ => (first, last.max(first)),
        };
        let place = |from: usize, to: usize| map.span(start + from, start + to);
        convert(&characters[start..end], &place, self.findings)
    }
}
