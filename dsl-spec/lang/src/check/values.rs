//! Values against the types that are wanted.

use vocab::{Limits, Type, Value};

use super::place::Place;
use crate::diagnostic::{Code, Finding, Findings, did_you_mean, nearest};
use crate::document::{Draft, DraftKind};
use crate::expr::{
    EvalError, Expr, Part, Reference, Scope, StatusFunction, describe, fits, infer, infer_text_part,
    may_be_null, of_value,
};

/// For expressions that read nothing.
struct Nothing;

impl Scope for Nothing {
    fn lookup(&self, _: &Reference) -> Option<Value> {
        None
    }

    fn status(&self, _: StatusFunction) -> bool {
        false
    }
}

/// The value of an expression that is the same in every run; `None` when it is not, when its types do not hold
/// (`errors_before` says how many errors there were before they were checked), or when it always fails, which is
/// reported.
pub(super) fn constant(
    expr: &Expr,
    limits: &Limits,
    errors_before: usize,
    findings: &mut Findings,
) -> Option<Value> {
    if !expr.is_constant() || findings.errors() > errors_before {
        return None;
    }
    match expr.evaluate(&Nothing, limits) {
        Ok(value) => Some(value),
        Err(EvalError { problem, span }) => {
            findings.push(Finding::new(Code::AlwaysFails, span, format!("this always fails: {problem}")));
            None
        }
    }
}

/// Checks that a value may go where `want` is wanted. `what` names that place in messages.
pub(super) fn check_draft(
    draft: &Draft,
    want: &Type,
    what: &str,
    place: &Place<'_, '_>,
    findings: &mut Findings,
) {
    let wrong = |found: String| {
        Finding::new(Code::WrongType, draft.span, format!("{what}: expected {want}, found {found}"))
    };
    match (&draft.kind, want) {
        (DraftKind::Broken, _) => {}
        // Parts are told at their own place; so are parts of a nullable value.
        (_, Type::Nullable(inner))
            if !matches!(draft.kind, DraftKind::Literal(Value::Null) | DraftKind::Expr(_)) =>
        {
            check_draft(draft, inner, what, place, findings);
        }
        (DraftKind::Literal(value), _) => {
            if let Err(mismatch) = want.check(value) {
                let finding = Finding::new(Code::WrongType, draft.span, format!("{what}: {mismatch}"));
                findings.push(finding.maybe_help(help_for_literal(value, want)));
            }
        }
        (DraftKind::Expr(expr), _) => check_expr(expr, want, what, place, findings),
        (DraftKind::Text(parts), _) => {
            check_parts(parts, place, findings);
            if !fits(want, &Type::String) {
                findings.push(wrong("a text with expressions".to_owned()));
            }
        }
        (DraftKind::List(items), Type::List(item)) => {
            for part in items {
                check_draft(part, item, what, place, findings);
            }
        }
        (DraftKind::List(items), Type::Any) => {
            for part in items {
                check_draft(part, want, what, place, findings);
            }
        }
        (DraftKind::Map(entries), Type::Map(item)) => {
            for (_, part) in entries {
                check_draft(part, item, what, place, findings);
            }
        }
        (DraftKind::Map(entries), Type::Any) => {
            for (_, part) in entries {
                check_draft(part, want, what, place, findings);
            }
        }
        (DraftKind::Map(entries), Type::Object(fields)) => {
            for (key, part) in entries {
                if let Some(field) = fields.get(&key.value) {
                    check_draft(part, &field.ty, what, place, findings);
                } else {
                    let suggestion = did_you_mean(&key.value, fields.keys().map(String::as_str));
                    let message = format!("{what}: there is no field `{}`{suggestion}", key.value);
                    findings.push(Finding::new(Code::WrongType, key.span, message));
                }
            }
            for (name, _) in fields
                .iter()
                .filter(|(name, field)| field.required && !entries.iter().any(|(key, _)| key.value == **name))
            {
                findings.push(wrong(format!("a map without the field `{name}`")));
            }
        }
        (DraftKind::List(_), _) => findings.push(wrong("a list".to_owned())),
        (DraftKind::Map(_), _) => findings.push(wrong("a map".to_owned())),
    }
}

fn check_expr(expr: &Expr, want: &Type, what: &str, place: &Place<'_, '_>, findings: &mut Findings) {
    let before = findings.errors();
    let give = infer(expr, place, findings);
    if expr.is_constant() {
        if let Some(value) = constant(expr, place.limits(), before, findings)
            && let Err(mismatch) = want.check(&value)
        {
            findings.push(Finding::new(Code::WrongType, expr.span, format!("{what}: {mismatch}")));
        }
        return;
    }
    if fits(want, &give) {
        return;
    }
    findings.push(match &give {
        Type::Nullable(inner) if fits(want, inner) => may_be_null(expr, inner),
        _ => {
            let finding = Finding::new(
                Code::WrongType,
                expr.span,
                format!("{what}: expected {want}, found {}", describe(&give)),
            );
            finding.maybe_help(help_for(&give, want))
        }
    });
}

fn help_for(give: &Type, want: &Type) -> Option<String> {
    Some(match (give, want) {
        (Type::List(item), want) if fits(want, item) => {
            "outputs of an expanded step are lists: take one with `[0]`".to_owned()
        }
        (Type::String, Type::Enum(words)) => {
            format!(
                "declare the input with `enum: [{}]`, so that nothing else can be given",
                words.join(", ")
            )
        }
        (Type::Integer | Type::Number | Type::Boolean, Type::String) => {
            "`string(value)` makes a text of it".to_owned()
        }
        (Type::String | Type::Enum(_), Type::Integer) => "`integer(text)` makes a number of it".to_owned(),
        (Type::Artifact(_), Type::String | Type::Digest) => "an artifact has `.digest`".to_owned(),
        _ => return None,
    })
}

/// Whether a text is a number of too many digits, or in quotes one of few.
fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.len() >= 19 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn help_for_literal(value: &Value, want: &Type) -> Option<String> {
    match (want, value) {
        (Type::Enum(words), Value::String(text)) => {
            nearest(text, words.iter().map(String::as_str)).map(|found| format!("did you mean `{found}`?"))
        }
        (
            Type::String | Type::Enum(_) | Type::Digest | Type::Map(_) | Type::List(_),
            Value::Integer(_) | Value::Number(_) | Value::Bool(_),
        ) => Some("quote it to make it a text".to_owned()),
        (Type::Artifact(kind), _) => {
            Some(format!("a {kind} is the output of a step: `${{{{ steps.STEP.outputs.NAME }}}}`"))
        }
        (Type::Secret, Value::String(_)) => Some(
            "a secret is never written out; declare an input of type secret and pass `${{ inputs.NAME }}`"
                .to_owned(),
        ),
        (Type::Integer, Value::String(text)) if is_whole_number(text) => {
            Some("an integer has 64 bits: from -9223372036854775808 to 9223372036854775807".to_owned())
        }
        (Type::Integer | Type::Number | Type::Boolean, Value::String(_)) => {
            Some("without quotes it is no text".to_owned())
        }
        _ => None,
    }
}

fn check_parts(parts: &[Part], place: &Place<'_, '_>, findings: &mut Findings) {
    for part in parts {
        if let Part::Expr(expr) = part {
            let before = findings.errors();
            infer_text_part(expr, place, findings);
            constant(expr, place.limits(), before, findings);
        }
    }
}

/// The type of a value where nothing in particular is wanted.
pub(super) fn infer_draft(draft: &Draft, place: &Place<'_, '_>, findings: &mut Findings) -> Type {
    match &draft.kind {
        DraftKind::Literal(value) => of_value(value),
        DraftKind::Broken => Type::Any,
        DraftKind::Expr(expr) => {
            let before = findings.errors();
            let ty = infer(expr, place, findings);
            constant(expr, place.limits(), before, findings);
            ty
        }
        DraftKind::Text(parts) => {
            check_parts(parts, place, findings);
            Type::String
        }
        DraftKind::List(items) => {
            let types: Vec<_> = items.iter().map(|item| infer_draft(item, place, findings)).collect();
            let first = types.first().cloned().unwrap_or(Type::Any);
            let one = types.iter().all(|ty| *ty == first);
            Type::list(if one { first } else { Type::Any })
        }
        DraftKind::Map(entries) => {
            for (_, entry) in entries {
                infer_draft(entry, place, findings);
            }
            Type::map(Type::Any)
        }
    }
}
