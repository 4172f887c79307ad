//! Types of properties and items.

use std::collections::BTreeMap;

use vocab::{Field, Type, Value};

use super::{Inference, describe, is_text};
use crate::Span;
use crate::diagnostic::{Code, Finding, did_you_mean};
use crate::expr::{Expr, ExprKind};

impl Inference<'_> {
    /// The type of what is looked into, without its null, and whether it may be null.
    fn base(&mut self, base: &Expr, safe: bool) -> (Type, bool) {
        if safe {
            match self.expr(base) {
                Type::Nullable(inner) => (*inner, true),
                ty => (ty, false),
            }
        } else {
            (self.settled(base), false)
        }
    }

    pub(super) fn property(&mut self, base: &Expr, name: &str, safe: bool, span: Span) -> Type {
        let (ty, nullable) = self.base(base, safe);
        let (found, absent) = self.member(&ty, name, safe, span);
        if nullable || absent { or_null(found) } else { found }
    }

    /// The type of a named part, and whether it may be absent where absence is null.
    fn member(&mut self, ty: &Type, name: &str, safe: bool, span: Span) -> (Type, bool) {
        match ty {
            Type::Any => (Type::Any, false),
            Type::Map(item) => ((**item).clone(), safe),
            Type::Object(fields) => self.field(fields, name, safe, span),
            Type::Artifact(_) if name == "digest" => (Type::Digest, false),
            Type::Artifact(_) if name == "size" => (Type::Integer, false),
            other => {
                let message = format!("{} has no `{name}`", describe(other));
                let finding = Finding::new(Code::UnknownReference, span, message);
                let help = match other {
                    Type::List(_) => Some("an item of a list is read by its number: `list[0]`"),
                    Type::Artifact(_) => Some("an artifact has `.digest` and `.size`"),
                    _ => None,
                };
                (self.report(finding.maybe_help(help.map(str::to_owned))), false)
            }
        }
    }

    fn field(
        &mut self,
        fields: &BTreeMap<String, Field>,
        name: &str,
        safe: bool,
        span: Span,
    ) -> (Type, bool) {
        let names = fields.keys().map(String::as_str);
        let Some(field) = fields.get(name) else {
            let message = format!("there is no field `{name}`{}", did_you_mean(name, names.clone()));
            let finding = Finding::new(Code::UnknownReference, span, message);
            let names: Vec<_> = names.collect();
            return (self.report(finding.help(format!("the fields are: {}", names.join(", ")))), false);
        };
        if !field.required && !safe {
            let message = format!("the field `{name}` may be absent");
            let finding = Finding::new(Code::MaybeNull, span, message);
            self.report(finding.help(format!("read it as `?.{name}`")));
        }
        (field.ty.clone(), !field.required && safe)
    }

    pub(super) fn index(&mut self, base: &Expr, index: &Expr, safe: bool, span: Span) -> Type {
        let (ty, nullable) = self.base(base, safe);
        let by = self.settled(index);
        let found = match (&ty, &by) {
            (Type::Any, _) => Type::Any,
            (Type::List(item), Type::Integer | Type::Any) => {
                if safe {
                    or_null((**item).clone())
                } else {
                    (**item).clone()
                }
            }
            (Type::Object(_), _) => match &index.kind {
                ExprKind::Literal(Value::String(name)) => {
                    let (found, absent) = self.member(&ty, name, safe, span);
                    if absent { or_null(found) } else { found }
                }
                _ => Type::Any,
            },
            (Type::Map(item), by) if is_text(by) => {
                if safe {
                    or_null((**item).clone())
                } else {
                    (**item).clone()
                }
            }
            _ => {
                let message = format!("{} has no items by {}", describe(&ty), describe(&by));
                self.report(Finding::new(Code::UnlikeTypes, span, message))
            }
        };
        if nullable { or_null(found) } else { found }
    }
}

fn or_null(ty: Type) -> Type {
    match ty {
        Type::Any | Type::Nullable(_) => ty,
        other => Type::nullable(other),
    }
}
