//! Variables in names of images.

use std::collections::BTreeMap;

use super::error::{ContainerfileError, short};

/// Puts values for `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME-default}`.
pub(super) fn expand(
    text: &str,
    values: &BTreeMap<String, Option<String>>,
    line: usize,
) -> Result<String, ContainerfileError> {
    let syntax = || ContainerfileError::Syntax { line, text: short(text) };
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (body, after) = match rest.strip_prefix('{') {
            Some(inner) => {
                let end = inner.find('}').ok_or_else(syntax)?;
                (&inner[..end], &inner[end + 1..])
            }
            None => rest.split_at(rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())),
        };
        rest = after;
        let end = body.find(|c: char| !is_name(c)).unwrap_or(body.len());
        let (name, operator) = body.split_at(end);
        let value = values.get(name).cloned().flatten();
        let value = match operator {
            "" => value,
            _ => match (operator.strip_prefix(":-"), operator.strip_prefix('-')) {
                (Some(default), _) => {
                    value.filter(|value| !value.is_empty()).or_else(|| Some(default.to_owned()))
                }
                (None, Some(default)) => value.or_else(|| Some(default.to_owned())),
                (None, None) => return Err(syntax()),
            },
        };
        out.push_str(&value.ok_or_else(|| ContainerfileError::NoValue {
            line,
            variable: name.to_owned(),
            text: short(text),
        })?);
    }
    out.push_str(rest);
    Ok(out)
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

pub(super) fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}
