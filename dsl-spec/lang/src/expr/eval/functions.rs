//! The functions of the language, on values.

use vocab::{Digest, Type, Value};

use super::{EvalError, EvalProblem, Evaluation, as_text, fail, mismatch};
use crate::Span;
use crate::expr::function::split_pattern;
use crate::expr::{BinaryOp, Function};

/// Calls `function`. The number of arguments was checked when the file was compiled.
pub(super) fn call(
    evaluation: &mut Evaluation<'_>,
    function: Function,
    arguments: &[Value],
    span: Span,
) -> Result<Value, EvalError> {
    const NOTHING: &Value = &Value::Null;
    let first = arguments.first().unwrap_or(NOTHING);
    let second = arguments.get(1).unwrap_or(NOTHING);
    let made = |text: String| Value::String(text);
    let value = match function {
        Function::Short => made(short(text(first, span)?)),
        Function::Len => length(first, span)?,
        Function::Contains => Value::Bool(contains(evaluation, first, second, span)?),
        Function::StartsWith => Value::Bool(text(first, span)?.starts_with(text(second, span)?)),
        Function::EndsWith => Value::Bool(text(first, span)?.ends_with(text(second, span)?)),
        Function::Lower => made(text(first, span)?.to_lowercase()),
        Function::Upper => made(text(first, span)?.to_uppercase()),
        Function::String => made(as_text(first, span)?),
        Function::Integer => integer(first, span)?,
        Function::Join => {
            let Value::List(items) = first else { return mismatch(&Type::list(Type::String), first, span) };
            let items: Vec<_> = items.iter().map(|item| as_text(item, span)).collect::<Result<_, _>>()?;
            // Paid before it is made: the separator counts once an item.
            evaluation.pay(text(second, span)?.len().saturating_mul(items.len()), span)?;
            made(items.join(text(second, span)?))
        }
        Function::Format => made(format(text(first, span)?, &arguments[1..], span)?),
    };
    if let Value::String(text) = &value {
        evaluation.pay(text.len(), span)?;
    }
    Ok(value)
}

fn text(value: &Value, span: Span) -> Result<&str, EvalError> {
    match value {
        Value::String(text) => Ok(text),
        other => mismatch(&Type::String, other, span),
    }
}

fn short(text: &str) -> String {
    text.parse::<Digest>()
        .map_or_else(|_| text.chars().take(12).collect(), |digest| digest.short().to_owned())
}

fn length(value: &Value, span: Span) -> Result<Value, EvalError> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::Null => return fail(EvalProblem::Null("what `len` gets".to_owned()), span),
        other => {
            return fail(
                EvalProblem::Type(format!("`len` takes a text, a list or a map, not a {}", other.kind())),
                span,
            );
        }
    };
    Ok(Value::Integer(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn contains(
    evaluation: &mut Evaluation<'_>,
    whole: &Value,
    part: &Value,
    span: Span,
) -> Result<bool, EvalError> {
    match whole {
        Value::String(whole) => Ok(whole.contains(text(part, span)?)),
        Value::Map(entries) => Ok(entries.contains_key(text(part, span)?)),
        Value::List(items) => {
            evaluation.work(items.len(), span)?;
            for item in items {
                // As strict as `==`: an item of another type is a mistake, not a miss.
                if super::operators::binary(BinaryOp::Equal, item, part, span)? == Value::Bool(true) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Null => fail(EvalProblem::Null("what `contains` looks into".to_owned()), span),
        other => fail(
            EvalProblem::Type(format!(
                "`contains` looks into a text, a list or a map, not a {}",
                other.kind()
            )),
            span,
        ),
    }
}

fn integer(value: &Value, span: Span) -> Result<Value, EvalError> {
    let unreadable = |shown: String| EvalError {
        problem: EvalProblem::Unreadable(format!("`{shown}` is no whole number of 64 bits")),
        span,
    };
    match value {
        Value::Integer(_) => Ok(value.clone()),
        Value::Number(number) => {
            // A whole float prints without a fraction; what does not fit fails to parse.
            let shown = format!("{number:.0}");
            let whole = number.fract() == 0.0;
            let read = shown.parse().ok().filter(|_| whole).map(Value::Integer);
            read.ok_or_else(|| unreadable(number.to_string()))
        }
        Value::String(text) => {
            text.trim().parse().map(Value::Integer).map_err(|_| unreadable(text.chars().take(40).collect()))
        }
        other => mismatch(&Type::Integer, other, span),
    }
}

fn format(pattern: &str, values: &[Value], span: Span) -> Result<String, EvalError> {
    let parts = split_pattern(pattern).filter(|parts| parts.len() == values.len() + 1).ok_or_else(|| {
        let message = format!("the pattern has to hold one `{{}}` for each of the {} values", values.len());
        EvalError { problem: EvalProblem::Unreadable(message), span }
    })?;
    let mut made = String::new();
    for (index, part) in parts.iter().enumerate() {
        made.push_str(part);
        if let Some(value) = values.get(index) {
            made.push_str(&as_text(value, span)?);
        }
    }
    Ok(made)
}
