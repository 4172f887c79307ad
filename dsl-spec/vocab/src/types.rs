//! Types of values: what an input takes and what an output gives.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{ArtifactKind, Digest, Value};

/// The type of a value. A type takes null only where it is [`Type::Nullable`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Text.
    String,
    /// A whole number of 64 bits.
    Integer,
    /// Any finite number; takes integers too.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of a few texts.
    Enum(Vec<String>),
    /// Values of one type, in order.
    List(Box<Type>),
    /// Values of one type, by name.
    Map(Box<Type>),
    /// Named fields.
    Object(BTreeMap<String, Field>),
    /// A secret, by name.
    Secret,
    /// A content digest, `sha256:…`.
    Digest,
    /// A length of time, such as `90s` or `1h 30m`.
    Duration,
    /// A number of bytes, such as `512MiB`, or an integer.
    Size,
    /// A result in the content store.
    Artifact(ArtifactKind),
    /// The type inside, or null.
    Nullable(Box<Type>),
    /// Anything. Only for ports whose shape the workflow decides.
    Any,
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The type of its value.
    pub ty: Type,
    /// Whether it must be there.
    pub required: bool,
}

/// Where a value does not have the type it should have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}, found {found}", if path.is_empty() { String::new() } else { format!("at `{path}`: ") })]
pub struct Mismatch {
    /// Where inside the value: `args.RELEASE`, `tags[0]`; empty for the value itself.
    pub path: String,
    /// The type, in words.
    pub expected: String,
    /// What was there, in words.
    pub found: String,
}

impl Type {
    /// A list of `item`.
    #[must_use]
    pub fn list(item: Self) -> Self {
        Self::List(Box::new(item))
    }

    /// A map of `item`.
    #[must_use]
    pub fn map(item: Self) -> Self {
        Self::Map(Box::new(item))
    }

    /// `inner` or null.
    #[must_use]
    pub fn nullable(inner: Self) -> Self {
        Self::Nullable(Box::new(inner))
    }

    /// Checks that `value` has this type; the error names the place inside it.
    pub fn check(&self, value: &Value) -> Result<(), Mismatch> {
        self.check_at(value, &mut String::new())
    }

    fn check_at(&self, value: &Value, path: &mut String) -> Result<(), Mismatch> {
        let mismatch = |path: &str, found: String| {
            Err(Mismatch { path: path.to_owned(), expected: self.to_string(), found })
        };
        match (self, value) {
            (Self::Any, _)
            | (Self::Nullable(_), Value::Null)
            | (Self::String, Value::String(_))
            | (Self::Integer, Value::Integer(_))
            | (Self::Number, Value::Number(_) | Value::Integer(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Secret, Value::Secret(_)) => Ok(()),
            (Self::Nullable(inner), value) => inner.check_at(value, path),
            (Self::Size, Value::Integer(bytes)) if *bytes >= 0 => Ok(()),
            (Self::Enum(words), Value::String(text)) => {
                if words.contains(text) {
                    Ok(())
                } else {
                    mismatch(path, format!("`{text}`"))
                }
            }
            (Self::Digest, Value::String(text)) => match text.parse::<Digest>() {
                Ok(_) => Ok(()),
                Err(_) => mismatch(path, format!("`{text}`")),
            },
            (Self::Duration, Value::String(text)) => match crate::limits::parse_duration(text) {
                Some(_) => Ok(()),
                None => mismatch(path, format!("`{text}`")),
            },
            (Self::Size, Value::String(text)) => match crate::limits::parse_size(text) {
                Some(_) => Ok(()),
                None => mismatch(path, format!("`{text}`")),
            },
            (Self::Artifact(kind), Value::Artifact(artifact)) if artifact.kind == *kind => Ok(()),
            (Self::List(item), Value::List(items)) => {
                for (index, entry) in items.iter().enumerate() {
                    inside(path, &format!("[{index}]"), |path| item.check_at(entry, path))?;
                }
                Ok(())
            }
            (Self::Map(item), Value::Map(entries)) => {
                for (key, entry) in entries {
                    inside(path, &format!(".{key}"), |path| item.check_at(entry, path))?;
                }
                Ok(())
            }
            (Self::Object(fields), Value::Map(entries)) => {
                for (name, field) in fields {
                    match entries.get(name) {
                        Some(entry) => {
                            inside(path, &format!(".{name}"), |path| field.ty.check_at(entry, path))?;
                        }
                        None if field.required => {
                            return mismatch(path, format!("a map without the field `{name}`"));
                        }
                        None => {}
                    }
                }
                match entries.keys().find(|key| !fields.contains_key(*key)) {
                    Some(extra) => mismatch(path, format!("a map with the unknown field `{extra}`")),
                    None => Ok(()),
                }
            }
            (_, other) => mismatch(path, format!("{} {}", article(other.kind()), other.kind())),
        }
    }

    /// Whether every value of type `other` may stand where this type is wanted.
    pub fn takes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (Self::Number | Self::Size, Self::Integer) => true,
            (Self::String, Self::Enum(_) | Self::Digest | Self::Duration) => true,
            (Self::Nullable(want), Self::Nullable(give)) => want.takes(give),
            (Self::Nullable(want), give) => want.takes(give),
            (Self::Enum(want), Self::Enum(give)) => give.iter().all(|word| want.contains(word)),
            (Self::List(want), Self::List(give)) | (Self::Map(want), Self::Map(give)) => want.takes(give),
            (Self::Map(want), Self::Object(give)) => give.values().all(|field| want.takes(&field.ty)),
            (Self::Object(want), Self::Object(give)) => {
                give.keys().all(|name| want.contains_key(name))
                    && want.iter().all(|(name, field)| match give.get(name) {
                        Some(given) => (given.required || !field.required) && field.ty.takes(&given.ty),
                        None => !field.required,
                    })
            }
            (want, give) => want == give,
        }
    }

    /// The JSON Schema (2020-12) of the JSON form of this type.
    pub fn json_schema(&self) -> Json {
        match self {
            Self::String => json!({ "type": "string" }),
            Self::Integer => json!({ "type": "integer" }),
            Self::Number => json!({ "type": "number" }),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::Enum(words) => json!({ "type": "string", "enum": words }),
            Self::List(item) => json!({ "type": "array", "items": item.json_schema() }),
            Self::Map(item) => json!({ "type": "object", "additionalProperties": item.json_schema() }),
            Self::Object(fields) => {
                let properties: serde_json::Map<_, _> =
                    fields.iter().map(|(name, field)| (name.clone(), field.ty.json_schema())).collect();
                let required: Vec<_> =
                    fields.iter().filter(|(_, field)| field.required).map(|(name, _)| name).collect();
                json!({
                    "type": "object", "properties": properties, "required": required,
                    "additionalProperties": false,
                })
            }
            Self::Secret => json!({
                "type": "object", "properties": { "$secret": { "type": "string" } }, "required": ["$secret"],
            }),
            Self::Digest => {
                json!({ "type": "string", "pattern": "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$" })
            }
            Self::Duration => json!({ "type": "string", "format": "factory-duration" }),
            Self::Size => json!({ "type": ["string", "integer"], "format": "factory-size" }),
            Self::Artifact(kind) => json!({
                "type": "object",
                "properties": {
                    "$artifact": { "const": kind.name() },
                    "digest": Self::Digest.json_schema(),
                    "size": { "type": "integer", "minimum": 0 },
                },
                "required": ["$artifact", "digest", "size"],
            }),
            Self::Nullable(inner) => json!({ "anyOf": [inner.json_schema(), { "type": "null" }] }),
            Self::Any => json!(true),
        }
    }
}

/// Runs `check` with `part` at the end of `path`, and takes it off again.
fn inside(
    path: &mut String,
    part: &str,
    check: impl FnOnce(&mut String) -> Result<(), Mismatch>,
) -> Result<(), Mismatch> {
    let length = path.len();
    path.push_str(if path.is_empty() { part.trim_start_matches('.') } else { part });
    check(path)?;
    path.truncate(length);
    Ok(())
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Integer => f.write_str("integer"),
            Self::Number => f.write_str("number"),
            Self::Boolean => f.write_str("boolean"),
            Self::Enum(words) => write!(f, "one of {}", words.join(", ")),
            Self::List(item) => write!(f, "list of {item}"),
            Self::Map(item) => write!(f, "map of {item}"),
            Self::Object(fields) => {
                let names: Vec<_> = fields.keys().map(String::as_str).collect();
                write!(f, "object with {}", names.join(", "))
            }
            Self::Secret => f.write_str("secret"),
            Self::Digest => f.write_str("digest"),
            Self::Duration => f.write_str("duration"),
            Self::Size => f.write_str("size"),
            Self::Artifact(kind) => write!(f, "{kind}"),
            Self::Nullable(inner) => write!(f, "{inner} or null"),
            Self::Any => f.write_str("anything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(json: Json) -> Value {
        Value::from_plain_json(json).unwrap()
    }

    #[test]
    fn a_mismatch_names_the_place_inside_the_value() {
        let ty = Type::map(Type::list(Type::Integer));
        let error = ty.check(&plain(json!({ "a": [1, "x"] }))).unwrap_err();
        assert_eq!(error.to_string(), "at `a[1]`: expected integer, found a string");
    }

    #[test]
    fn null_passes_only_where_it_is_said() {
        assert!(Type::String.check(&Value::Null).is_err());
        assert!(Type::nullable(Type::String).check(&Value::Null).is_ok());
        assert!(!Type::String.takes(&Type::nullable(Type::String)));
        assert!(Type::nullable(Type::String).takes(&Type::String));
    }

    #[test]
    fn unknown_fields_are_refused() {
        let ty = Type::Object(BTreeMap::from([("a".into(), Field { ty: Type::Integer, required: true })]));
        assert!(ty.check(&plain(json!({ "a": 1 }))).is_ok());
        assert!(ty.check(&plain(json!({ "a": 1, "b": 2 }))).is_err());
        assert!(ty.check(&plain(json!({}))).is_err());
    }
}
