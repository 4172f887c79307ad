//! Types of what functions take.

use vocab::{Type, Value};

use super::operators::alike;
use super::{Inference, describe, is_text};
use crate::Span;
use crate::diagnostic::{Code, Finding};
use crate::expr::function::split_pattern;
use crate::expr::{Expr, ExprKind, Function};

impl Inference<'_> {
    pub(super) fn call(&mut self, function: Function, arguments: &[Expr], span: Span) -> Type {
        let what = format!("in `{}`", function.name());
        match (function, arguments) {
            (Function::Short | Function::Lower | Function::Upper, [text]) => {
                self.text(text, &what);
            }
            (Function::StartsWith | Function::EndsWith, [text, part]) => {
                self.text(text, &what);
                self.text(part, &what);
            }
            (Function::String, [value]) => self.text_part(value, &what),
            (Function::Integer, [value]) => {
                let ty = self.settled(value);
                if !is_text(&ty) && !matches!(ty, Type::Integer | Type::Number) {
                    self.not_text(&ty, value, &what);
                }
            }
            (Function::Len, [value]) => {
                let ty = self.settled(value);
                if !is_text(&ty) && !matches!(ty, Type::List(_) | Type::Map(_) | Type::Object(_)) {
                    let message = format!("`len` takes a text, a list or a map, found {}", describe(&ty));
                    self.report(Finding::new(Code::WrongType, value.span, message));
                }
            }
            (Function::Contains, [whole, part]) => self.contains(whole, part, span),
            (Function::Join, [list, between]) => {
                let ty = self.settled(list);
                match &ty {
                    Type::Any => {}
                    Type::List(item)
                        if is_text(item)
                            || matches!(**item, Type::Integer | Type::Number | Type::Boolean) => {}
                    Type::List(item) if **item == Type::Secret => {
                        self.not_text(&Type::Secret, list, &what);
                    }
                    _ => {
                        let message = format!("`join` takes a list of texts, found {}", describe(&ty));
                        self.report(Finding::new(Code::WrongType, list.span, message));
                    }
                }
                self.text(between, &what);
            }
            (Function::Format, [pattern, values @ ..]) => self.format(pattern, values),
            // The number of arguments was checked when the call was read.
            _ => {}
        }
        function.ty()
    }

    fn contains(&mut self, whole: &Expr, part: &Expr, span: Span) {
        let (whole_type, part_type) = (self.settled(whole), self.settled(part));
        let fine = match &whole_type {
            Type::Any => true,
            Type::List(item) => alike(item, &part_type),
            Type::Map(_) | Type::Object(_) => is_text(&part_type),
            ty => is_text(ty) && is_text(&part_type),
        };
        if !fine {
            let message =
                format!("`contains` does not find {} in {}", describe(&part_type), describe(&whole_type));
            self.report(Finding::new(Code::UnlikeTypes, span, message));
        }
    }

    fn format(&mut self, pattern: &Expr, values: &[Expr]) {
        self.text(pattern, "in `format`");
        for value in values {
            self.text_part(value, "in `format`");
        }
        if let ExprKind::Literal(Value::String(text)) = &pattern.kind {
            let message = match split_pattern(text) {
                None => "a brace in a pattern is doubled: `{{` or `}}`".to_owned(),
                Some(parts) if parts.len() != values.len() + 1 => {
                    format!("places in the pattern: {}; values behind it: {}", parts.len() - 1, values.len())
                }
                Some(_) => return,
            };
            self.report(Finding::new(Code::UnknownFunction, pattern.span, message));
        }
    }
}
