//! Gives the names of an expression their meaning: references, functions, properties.

use vocab::Value;

use super::parse::parse;
use super::raw::{Raw, RawKind};
use super::{EachField, Expr, ExprKind, Function, Reference, RunField, StatusFunction, TriggerField};
use crate::Span;
use crate::diagnostic::{Code, Finding, Findings, did_you_mean};

/// Parses and converts the characters of one expression. `place` says where characters stand in the file.
/// `None` when something was wrong; then it is among the findings.
pub(crate) fn convert(
    characters: &[char],
    place: &dyn Fn(usize, usize) -> Span,
    findings: &mut Findings,
) -> Option<Expr> {
    match parse(characters) {
        Ok(raw) => Converter { place, findings }.expr(raw),
        Err(fault) => {
            let span = place(fault.start, fault.end.min(characters.len()).max(fault.start));
            findings.push(Finding::new(fault.code, span, fault.message).maybe_help(fault.help));
            None
        }
    }
}

struct Converter<'a> {
    place: &'a dyn Fn(usize, usize) -> Span,
    findings: &'a mut Findings,
}

/// A step of a chain: `.name` or `["name"]` behind something.
struct Link {
    name: String,
    end: usize,
}

impl Converter<'_> {
    fn fail<T>(
        &mut self,
        code: Code,
        start: usize,
        end: usize,
        message: impl Into<String>,
        help: &str,
    ) -> Option<T> {
        let help = (!help.is_empty()).then(|| help.to_owned());
        self.findings.push(Finding::new(code, (self.place)(start, end), message).maybe_help(help));
        None
    }

    fn expr(&mut self, raw: Raw) -> Option<Expr> {
        let Raw { kind, start, end } = raw;
        let span = (self.place)(start, end);
        let kind = match kind {
            RawKind::Literal(value) => ExprKind::Literal(value),
            RawKind::Name(name) => return self.bare_name(&name, start, end),
            RawKind::List(parts) => ExprKind::List(self.all(parts)?),
            RawKind::Map(entries) => ExprKind::Map(self.entries(entries, start, end)?),
            RawKind::Not(inner) => ExprKind::Not(Box::new(self.expr(*inner)?)),
            RawKind::Negate(inner) => ExprKind::Negate(Box::new(self.expr(*inner)?)),
            RawKind::And(parts) => ExprKind::And(self.all(parts)?),
            RawKind::Or(parts) => ExprKind::Or(self.all(parts)?),
            RawKind::Coalesce(parts) => ExprKind::Coalesce(self.all(parts)?),
            RawKind::Binary(op, left, right) => {
                let (left, right) = (self.expr(*left), self.expr(*right));
                ExprKind::Binary { op, left: Box::new(left?), right: Box::new(right?) }
            }
            RawKind::Call(name, arguments) => return self.call(&name, arguments, start, end),
            kind @ (RawKind::Property(..) | RawKind::Index(..)) => {
                let raw = Raw { kind, start, end };
                return match reference(&raw) {
                    Some(Chain { root, root_end, links }) => {
                        let count = self.reference(&root, start, root_end, &links);
                        let (reference, taken) = count?;
                        self.rest(raw, links.len() - taken, reference)
                    }
                    None => self.access(raw, None),
                };
            }
        };
        Some(Expr { kind, span })
    }

    fn all(&mut self, parts: Vec<Raw>) -> Option<Vec<Expr>> {
        // Every part is visited, so that every problem is found.
        let parts: Vec<_> = parts.into_iter().map(|part| self.expr(part)).collect();
        parts.into_iter().collect()
    }

    fn entries(
        &mut self,
        entries: Vec<(String, Raw)>,
        start: usize,
        end: usize,
    ) -> Option<Vec<(String, Expr)>> {
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.starts_with('$')) {
            let message = format!("the key `{key}` is not allowed");
            return self.fail(
                Code::BadName,
                start,
                end,
                message,
                "keys that begin with `$` are the factory's own",
            );
        }
        let entries: Vec<_> =
            entries.into_iter().map(|(key, value)| Some((key, self.expr(value)?))).collect();
        entries.into_iter().collect()
    }

    fn bare_name(&mut self, name: &str, start: usize, end: usize) -> Option<Expr> {
        if Reference::ROOTS.contains(&name) {
            let help = format!("name what you want of it: {}", example_of(name));
            return self.fail(
                Code::UnknownReference,
                start,
                end,
                format!("`{name}` alone is no value"),
                &help,
            );
        }
        let suggestion = did_you_mean(name, Reference::ROOTS);
        let help = match StatusFunction::of_name(name) {
            Some(_) => format!("a function is called: `{name}()`"),
            None => format!(
                "inputs are read as `inputs.{name}`, outputs as `steps.STEP.outputs.{name}`; a text stands in double quotes"
            ),
        };
        self.fail(Code::UnknownReference, start, end, format!("there is no `{name}`{suggestion}"), &help)
    }

    /// The reference at the head of a chain, and how many links belong to it.
    fn reference(
        &mut self,
        root: &str,
        start: usize,
        root_end: usize,
        links: &[Link],
    ) -> Option<(Expr, usize)> {
        let name = |index: usize| links.get(index).map(|link| link.name.clone());
        let end = |count: usize| links.get(count - 1).map_or(root_end, |link| link.end);
        let found = |reference, count| {
            let span = (self.place)(start, end(count));
            Some((Expr { kind: ExprKind::Reference(reference), span }, count))
        };
        let first = name(0)?;
        match root {
            "inputs" => found(Reference::Input(first), 1),
            "run" => match RunField::of_name(&first) {
                Some(field) => found(Reference::Run(field), 1),
                None => {
                    self.unknown_field(root, &first, start, end(1), RunField::ALL.iter().map(|f| f.name()))
                }
            },
            "trigger" => match TriggerField::of_name(&first) {
                Some(field) => found(Reference::Trigger(field), 1),
                None => self.unknown_field(
                    root,
                    &first,
                    start,
                    end(1),
                    TriggerField::ALL.iter().map(|f| f.name()),
                ),
            },
            "each" => match EachField::of_name(&first) {
                Some(field) => found(Reference::Each(field), 1),
                None => {
                    self.unknown_field(root, &first, start, end(1), EachField::ALL.iter().map(|f| f.name()))
                }
            },
            _ => match (name(1).as_deref(), name(2)) {
                (Some("result"), _) => found(Reference::Result { step: first }, 2),
                (Some("outputs"), Some(output)) => found(Reference::Output { step: first, output }, 3),
                (Some("outputs"), None) => {
                    let help = format!("name one: `steps.{first}.outputs.NAME`");
                    self.fail(Code::UnknownReference, start, end(2), "`outputs` alone is no value", &help)
                }
                (Some(other), _) => {
                    let message =
                        format!("a step has no `{other}`{}", did_you_mean(other, ["outputs", "result"]));
                    let help = format!("an output is read as `steps.{first}.outputs.{other}`");
                    self.fail(Code::UnknownReference, start, end(2), message, &help)
                }
                (None, _) => {
                    let help = format!("read `steps.{first}.result` or `steps.{first}.outputs.NAME`");
                    self.fail(Code::UnknownReference, start, end(1), "a step alone is no value", &help)
                }
            },
        }
    }

    fn unknown_field<T>(
        &mut self,
        root: &str,
        name: &str,
        start: usize,
        end: usize,
        known: impl Iterator<Item = &'static str> + Clone,
    ) -> Option<T> {
        let message = format!("there is no `{root}.{name}`{}", did_you_mean(name, known.clone()));
        let help = format!("`{root}` has: {}", known.collect::<Vec<_>>().join(", "));
        self.fail(Code::UnknownReference, start, end, message, &help)
    }

    /// Puts the outer `count` links of `raw` around `head`.
    fn rest(&mut self, raw: Raw, count: usize, head: Expr) -> Option<Expr> {
        if count == 0 { Some(head) } else { self.access(raw, Some((count - 1, head))) }
    }

    /// A property or an item of a value; `inner` is what stands below it when that is known already.
    fn access(&mut self, raw: Raw, inner: Option<(usize, Expr)>) -> Option<Expr> {
        let span = (self.place)(raw.start, raw.end);
        let below = |this: &mut Self, base: Raw| match inner {
            Some((count, head)) => this.rest(base, count, head),
            None => this.expr(base),
        };
        let kind = match raw.kind {
            RawKind::Property(base, name, safe) => {
                ExprKind::Property { base: Box::new(below(self, *base)?), name, safe }
            }
            RawKind::Index(base, index, safe) => {
                let base = below(self, *base);
                let index = self.expr(*index);
                ExprKind::Index { base: Box::new(base?), index: Box::new(index?), safe }
            }
            _ => return None,
        };
        Some(Expr { kind, span })
    }

    fn call(&mut self, name: &str, arguments: Vec<Raw>, start: usize, end: usize) -> Option<Expr> {
        let count = arguments.len();
        let arguments = self.all(arguments);
        let span = (self.place)(start, end);
        if let Some(status) = StatusFunction::of_name(name) {
            if count > 0 {
                let message = format!("`{name}()` takes nothing");
                return self.fail(Code::UnknownFunction, start, end, message, "");
            }
            return Some(Expr { kind: ExprKind::Status(status), span });
        }
        let Some(function) = Function::of_name(name) else {
            let names =
                Function::ALL.iter().map(|f| f.name()).chain(StatusFunction::ALL.iter().map(|f| f.name()));
            let message = format!("there is no function `{name}`{}", did_you_mean(name, names.clone()));
            let help = format!("the functions are: {}", names.collect::<Vec<_>>().join(", "));
            return self.fail(Code::UnknownFunction, start, end, message, &help);
        };
        let (least, most) = function.arity();
        if count < least || count > most {
            let wants = match (least, most) {
                (1, 1) => "one value".to_owned(),
                _ if least == most => format!("{least} values"),
                _ => format!("{least} to {most} values"),
            };
            let message = format!("`{name}` takes {wants}, not {count}");
            return self.fail(Code::UnknownFunction, start, end, message, "");
        }
        Some(Expr { kind: ExprKind::Call { function, arguments: arguments? }, span })
    }
}

struct Chain {
    root: String,
    root_end: usize,
    links: Vec<Link>,
}

/// The root name and the links of a chain that begins with one of the roots. Names after a root may stand in
/// brackets, for those that are reserved words; links that are no names end the list.
fn reference(raw: &Raw) -> Option<Chain> {
    match &raw.kind {
        RawKind::Name(name) if Reference::ROOTS.contains(&name.as_str()) => {
            Some(Chain { root: name.clone(), root_end: raw.end, links: Vec::new() })
        }
        RawKind::Property(base, name, _) => {
            let mut chain = reference(base)?;
            chain.links.push(Link { name: name.clone(), end: raw.end });
            Some(chain)
        }
        RawKind::Index(base, index, _) => {
            let mut chain = reference(base)?;
            let name = match &index.kind {
                RawKind::Literal(Value::String(name)) => name.clone(),
                // Only behind a whole reference may a computed index stand; the checks there see no such name.
                _ => String::new(),
            };
            chain.links.push(Link { name, end: raw.end });
            Some(chain)
        }
        _ => None,
    }
}

fn example_of(root: &str) -> &'static str {
    match root {
        "inputs" => "`inputs.NAME`",
        "steps" => "`steps.NAME.outputs.NAME` or `steps.NAME.result`",
        "run" => "`run.id`, `run.commit`, …",
        "trigger" => "`trigger.kind`, `trigger.ref`, …",
        _ => "`each.value` or `each.index`",
    }
}
