//! Types of expressions. What may be null, unlike or secret is found here, before any run.

mod access;
mod functions;
mod operators;
mod unify;

use vocab::{Type, Value};

use super::{Expr, ExprKind, Reference, StatusFunction};
use crate::Span;
use crate::diagnostic::{Code, Finding, Findings};

pub(crate) use unify::fits;

/// What the place of an expression knows about the names in it.
pub(crate) trait Typing {
    /// The type of a reference, or what is wrong with it. `None` when its problem was reported elsewhere.
    fn reference(&self, reference: &Reference, span: Span) -> Result<Type, Option<Finding>>;

    /// Whether a status function may stand here.
    fn status(&self, function: StatusFunction, span: Span) -> Result<(), Finding>;
}

/// The type of an expression. Where something is wrong it is reported, and the type is [`Type::Any`], so that one
/// problem is told once.
pub(crate) fn infer(expr: &Expr, typing: &dyn Typing, findings: &mut Findings) -> Type {
    Inference { typing, findings }.expr(expr)
}

/// The type of an expression that becomes a part of a text, checked that it can.
pub(crate) fn infer_text_part(expr: &Expr, typing: &dyn Typing, findings: &mut Findings) {
    let mut inference = Inference { typing, findings };
    inference.text_part(expr, "inside a text");
}

/// The type of an expression that must be a boolean.
pub(crate) fn infer_condition(expr: &Expr, typing: &dyn Typing, findings: &mut Findings) {
    Inference { typing, findings }.boolean(expr, "a condition");
}

struct Inference<'a> {
    typing: &'a dyn Typing,
    findings: &'a mut Findings,
}

impl Inference<'_> {
    fn report(&mut self, finding: Finding) -> Type {
        self.findings.push(finding);
        Type::Any
    }

    fn expr(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Literal(value) => of_value(value),
            ExprKind::List(parts) => {
                let types: Vec<_> = parts.iter().map(|part| self.expr(part)).collect();
                Type::list(self.common(types.into_iter().zip(parts), "a list holds values of one type"))
            }
            ExprKind::Map(entries) => {
                let field = |ty| vocab::Field { ty, required: true };
                Type::Object(
                    entries.iter().map(|(key, part)| (key.clone(), field(self.expr(part)))).collect(),
                )
            }
            ExprKind::Reference(reference) => match self.typing.reference(reference, expr.span) {
                Ok(ty) => ty,
                Err(finding) => finding.map_or(Type::Any, |finding| self.report(finding)),
            },
            ExprKind::Status(function) => {
                if let Err(finding) = self.typing.status(*function, expr.span) {
                    self.report(finding);
                }
                Type::Boolean
            }
            ExprKind::Property { base, name, safe } => self.property(base, name, *safe, expr.span),
            ExprKind::Index { base, index, safe } => self.index(base, index, *safe, expr.span),
            ExprKind::Not(inner) => self.boolean(inner, "`!`"),
            ExprKind::Negate(inner) => self.number(inner, "`-`"),
            ExprKind::And(parts) => self.booleans(parts, "`&&`"),
            ExprKind::Or(parts) => self.booleans(parts, "`||`"),
            ExprKind::Coalesce(parts) => self.coalesce(parts),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, expr.span),
            ExprKind::Call { function, arguments } => self.call(*function, arguments, expr.span),
        }
    }

    /// The type of an expression that must not be null.
    fn settled(&mut self, expr: &Expr) -> Type {
        match self.expr(expr) {
            Type::Nullable(inner) => {
                self.report(may_be_null(expr, &inner));
                *inner
            }
            ty => ty,
        }
    }

    fn boolean(&mut self, expr: &Expr, what: &str) -> Type {
        let ty = self.settled(expr);
        if !matches!(ty, Type::Boolean | Type::Any) {
            let message = format!("{what} takes a boolean, found {}", describe(&ty));
            self.report(Finding::new(Code::WrongType, expr.span, message));
        }
        Type::Boolean
    }

    fn booleans(&mut self, parts: &[Expr], what: &str) -> Type {
        for part in parts {
            self.boolean(part, what);
        }
        Type::Boolean
    }

    fn number(&mut self, expr: &Expr, what: &str) -> Type {
        let ty = self.settled(expr);
        if matches!(ty, Type::Integer | Type::Number | Type::Any) {
            return ty;
        }
        let message = format!("{what} takes a number, found {}", describe(&ty));
        self.report(Finding::new(Code::WrongType, expr.span, message))
    }

    fn text(&mut self, expr: &Expr, what: &str) -> Type {
        let ty = self.settled(expr);
        if is_text(&ty) {
            return ty;
        }
        self.not_text(&ty, expr, what)
    }

    /// A value that has a text: texts, numbers, booleans.
    fn text_part(&mut self, expr: &Expr, what: &str) {
        let ty = self.settled(expr);
        if !is_text(&ty) && !matches!(ty, Type::Integer | Type::Number | Type::Boolean | Type::Size) {
            self.not_text(&ty, expr, what);
        }
    }

    fn not_text(&mut self, ty: &Type, expr: &Expr, what: &str) -> Type {
        if *ty == Type::Secret {
            let message =
                format!("a secret cannot stand {what}: it would be written where secrets must not be");
            return self.report(
                Finding::new(Code::SecretInText, expr.span, message)
                    .help("give the secret as it is to an input of type secret"),
            );
        }
        let finding = Finding::new(
            Code::WrongType,
            expr.span,
            format!("{what}: expected a text, found {}", describe(ty)),
        );
        self.report(match ty {
            Type::Artifact(_) => finding.help("an artifact has `.digest` and `.size`"),
            Type::List(_) => finding.help("`join(list, \", \")` makes one text of a list"),
            _ => finding,
        })
    }

    fn coalesce(&mut self, parts: &[Expr]) -> Type {
        let mut types = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let ty = self.expr(part);
            let last = index + 1 == parts.len();
            types.push(match ty {
                Type::Nullable(inner) if !last => *inner,
                ty => {
                    if !last && ty != Type::Any {
                        let message = "this is never null, so what stands behind `??` is never used";
                        self.report(Finding::new(Code::NeverNull, part.span, message));
                    }
                    ty
                }
            });
        }
        let nullable = matches!(types.last(), Some(Type::Nullable(_)));
        let plain = types.into_iter().map(|ty| match ty {
            Type::Nullable(inner) => *inner,
            ty => ty,
        });
        let common = self.common(plain.zip(parts), "both sides of `??` have one type");
        if nullable && common != Type::Any { Type::nullable(common) } else { common }
    }

    /// One type that takes all, or a problem at the first that does not fit.
    fn common<'e>(&mut self, types: impl Iterator<Item = (Type, &'e Expr)>, rule: &str) -> Type {
        let mut common: Option<Type> = None;
        for (ty, expr) in types {
            let Some(so_far) = common else {
                common = Some(ty);
                continue;
            };
            common = unify::unify(&so_far, &ty);
            if common.is_none() {
                let message =
                    format!("{rule}: {} and {} do not go together", describe(&so_far), describe(&ty));
                return self.report(Finding::new(Code::UnlikeTypes, expr.span, message));
            }
        }
        common.unwrap_or(Type::Any)
    }
}

/// Whether values of the type are texts at run time.
fn is_text(ty: &Type) -> bool {
    matches!(ty, Type::String | Type::Enum(_) | Type::Digest | Type::Duration | Type::Any)
}

/// The finding for a value that may be null where one of type `ty` is wanted.
pub(crate) fn may_be_null(expr: &Expr, ty: &Type) -> Finding {
    let what = match &expr.kind {
        ExprKind::Reference(reference) => format!("`{reference}`"),
        _ => "this".to_owned(),
    };
    let finding = Finding::new(Code::MaybeNull, expr.span, format!("{what} may be null here"));
    let fallback = match ty {
        Type::String | Type::Enum(_) => Some("\"nothing\""),
        Type::Integer | Type::Number => Some("0"),
        Type::Boolean => Some("false"),
        Type::List(_) => Some("[]"),
        Type::Map(_) => Some("#{}"),
        _ => None,
    };
    let say = fallback.map(|fallback| format!("say what holds then: `… ?? {fallback}`"));
    match &expr.kind {
        ExprKind::Reference(Reference::Output { step, .. }) => {
            let only = format!("read it only when it is there: `if: steps.{step}.result == \"succeeded\"`");
            let say = say.map(|say| format!("\n{say}; or")).unwrap_or_default();
            finding.help(format!("`{step}` may be skipped or fail while this is still read{say}\n{only}"))
        }
        _ => finding.maybe_help(say),
    }
}

/// The type of a value that stands in the file.
pub(crate) fn of_value(value: &Value) -> Type {
    match value {
        Value::Null => Type::nullable(Type::Any),
        Value::Bool(_) => Type::Boolean,
        Value::Integer(_) => Type::Integer,
        Value::Number(_) => Type::Number,
        // One word: comparing it with the words of an enum finds typing mistakes.
        Value::String(text) => Type::Enum(vec![text.clone()]),
        Value::List(items) => {
            let common = items
                .iter()
                .map(of_value)
                .reduce(|so_far, ty| unify::unify(&so_far, &ty).unwrap_or(Type::Any));
            Type::list(common.unwrap_or(Type::Any))
        }
        Value::Map(entries) => {
            let field = |value| vocab::Field { ty: of_value(value), required: true };
            Type::Object(entries.iter().map(|(key, value)| (key.clone(), field(value))).collect())
        }
        Value::Artifact(artifact) => Type::Artifact(artifact.kind),
        Value::Secret(_) => Type::Secret,
    }
}

/// A type in words with an article.
pub(crate) fn describe(ty: &Type) -> String {
    match ty {
        Type::Enum(words) if words.len() == 1 => format!("the text `{}`", crate::syntax::cut(&words[0])),
        Type::Enum(_) | Type::Any => ty.to_string(),
        _ => {
            let words = ty.to_string();
            let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            format!("{article} {words}")
        }
    }
}
