//! Reaching into values: properties, keys, positions.

use vocab::Value;

use super::{EvalError, EvalProblem, fail};
use crate::Span;

/// `base.name`; with `safe`, null where there is nothing.
pub(super) fn property(base: Value, name: &str, safe: bool, span: Span) -> Result<Value, EvalError> {
    match base {
        Value::Map(mut entries) => match entries.remove(name) {
            Some(value) => Ok(value),
            None if safe => Ok(Value::Null),
            None => fail(EvalProblem::Absent(format!("there is no `{name}`")), span),
        },
        Value::Artifact(artifact) => match name {
            "digest" => Ok(Value::String(artifact.digest.to_string())),
            "size" => i64::try_from(artifact.size)
                .map(Value::Integer)
                .map_err(|_| EvalError { problem: EvalProblem::Overflow("size"), span }),
            _ => fail(EvalProblem::Absent(format!("an artifact has no `{name}`")), span),
        },
        Value::Null if safe => Ok(Value::Null),
        Value::Null => fail(EvalProblem::Null(format!("what stands before `.{name}`")), span),
        other => fail(EvalProblem::Type(format!("a {} has no `{name}`", other.kind())), span),
    }
}

/// `base[index]`; with `safe`, null where there is nothing.
pub(super) fn item(base: Value, index: &Value, safe: bool, span: Span) -> Result<Value, EvalError> {
    match (base, index) {
        (Value::List(mut items), Value::Integer(index)) => {
            match usize::try_from(*index).ok().filter(|at| *at < items.len()) {
                Some(at) => Ok(items.swap_remove(at)),
                None if safe => Ok(Value::Null),
                None => {
                    let message = format!("the list has {} items, there is none at {index}", items.len());
                    fail(EvalProblem::Absent(message), span)
                }
            }
        }
        (base @ Value::Map(_), Value::String(key)) => property(base, key, safe, span),
        (Value::Null, _) if safe => Ok(Value::Null),
        (Value::Null, _) => fail(EvalProblem::Null("what stands before the bracket".to_owned()), span),
        (base, index) => {
            let message = format!("a {} has no items by {}", base.kind(), index.kind());
            fail(EvalProblem::Type(message), span)
        }
    }
}
