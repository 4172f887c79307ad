//! Values that flow through a workflow: JSON plus references to artifacts and secrets.
//!
//! In JSON an artifact is `{"$artifact": "tree", "digest": "sha256:…", "size": 1}` and a secret is
//! `{"$secret": "name"}`. Text that comes from a tenant goes through [`Value::from_plain_json`], which refuses
//! keys with a `$` in front: a reference cannot be forged.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use crate::{ArtifactKind, ArtifactRef, Digest};

/// The inputs of an action or a run, by name.
pub type Inputs = BTreeMap<String, Value>;
/// The outputs of an action or a run, by name.
pub type Outputs = BTreeMap<String, Value>;

/// The name of a secret. The secret itself never becomes a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretRef(pub String);

/// A value of the language.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Absent, where a type says that this may be.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number with a fraction.
    Number(f64),
    /// Text. Digests, durations and sizes are texts too, checked by their type.
    String(String),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name, sorted.
    Map(BTreeMap<String, Value>),
    /// A result in the content store.
    Artifact(ArtifactRef),
    /// A secret, by name.
    Secret(SecretRef),
}

/// Why plain JSON is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    /// A key begins with `$`.
    #[error(
        "the key `{0}` is not allowed: keys that begin with `$` name artifacts and secrets, which only the factory makes"
    )]
    Reserved(String),
    /// A whole number outside 64 bits.
    #[error("the number {0} does not fit into 64 bits")]
    TooLarge(String),
}

impl Value {
    /// Takes JSON from outside (a workflow, an API body, a flag). Keys that begin with `$` are refused.
    pub fn from_plain_json(json: Json) -> Result<Self, PlainError> {
        Ok(match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) if !number.is_u64() && float.is_finite() => Self::Number(float),
                _ => return Err(PlainError::TooLarge(number.to_string())),
            },
            Json::String(text) => Self::String(text),
            Json::Array(items) => {
                Self::List(items.into_iter().map(Self::from_plain_json).collect::<Result<_, _>>()?)
            }
            Json::Object(entries) => Self::Map(
                entries
                    .into_iter()
                    .map(|(key, item)| {
                        if key.starts_with('$') {
                            return Err(PlainError::Reserved(key));
                        }
                        Ok((key, Self::from_plain_json(item)?))
                    })
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    /// The JSON form, references included. [`Value::from_json`] reads it back.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Integer(integer) => (*integer).into(),
            Self::Number(number) => serde_json::Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Self::String(text) => Json::String(text.clone()),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|(key, item)| (key.clone(), item.to_json())).collect())
            }
            Self::Artifact(artifact) => serde_json::json!({
                "$artifact": artifact.kind.name(), "digest": artifact.digest.to_string(), "size": artifact.size,
            }),
            Self::Secret(secret) => serde_json::json!({ "$secret": secret.0 }),
        }
    }

    /// Reads the factory's own JSON form, references included. Never call it with text from a tenant.
    pub fn from_json(json: &Json) -> Result<Self, String> {
        match json {
            Json::Array(items) => {
                Ok(Self::List(items.iter().map(Self::from_json).collect::<Result<_, _>>()?))
            }
            Json::Object(entries) if entries.contains_key("$artifact") => {
                #[derive(Deserialize)]
                struct Wire {
                    #[serde(rename = "$artifact")]
                    kind: ArtifactKind,
                    digest: Digest,
                    size: u64,
                }
                let wire = Wire::deserialize(json).map_err(|error| error.to_string())?;
                Ok(Self::Artifact(ArtifactRef { kind: wire.kind, digest: wire.digest, size: wire.size }))
            }
            Json::Object(entries) if entries.contains_key("$secret") => entries["$secret"]
                .as_str()
                .map(|name| Self::Secret(SecretRef(name.to_owned())))
                .ok_or_else(|| "a secret reference holds a name".to_owned()),
            Json::Object(entries) => Ok(Self::Map(
                entries
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), Self::from_json(item)?)))
                    .collect::<Result<_, String>>()?,
            )),
            scalar => Self::from_plain_json(scalar.clone()).map_err(|error| error.to_string()),
        }
    }

    /// The whole number, when it is one.
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The artifact, when it is one.
    pub const fn as_artifact(&self) -> Option<&ArtifactRef> {
        match self {
            Self::Artifact(artifact) => Some(artifact),
            _ => None,
        }
    }

    /// Every artifact in this value, however deep, in order.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        fn walk<'a>(value: &'a Value, found: &mut Vec<&'a ArtifactRef>) {
            match value {
                Value::Artifact(artifact) => found.push(artifact),
                Value::List(items) => items.iter().for_each(|item| walk(item, found)),
                Value::Map(entries) => entries.values().for_each(|item| walk(item, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        walk(self, &mut found);
        found
    }

    /// What kind of value it is, in the words of the language.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Artifact(artifact) => artifact.kind.name(),
            Self::Secret(_) => "secret",
        }
    }
}

impl fmt::Display for Value {
    /// Texts as they are, everything else as JSON: how a value reads inside `"${{ … }}-suffix"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(text),
            Self::Artifact(artifact) => write!(f, "{}", artifact.digest),
            Self::Secret(_) => f.write_str("***"),
            other => write!(f, "{}", other.to_json()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<ArtifactRef> for Value {
    fn from(artifact: ArtifactRef) -> Self {
        Self::Artifact(artifact)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenant_cannot_forge_a_reference() {
        let forged = json!([{ "$artifact": "tree", "digest": Digest::of("x").to_string(), "size": 1 }]);
        assert_eq!(Value::from_plain_json(forged), Err(PlainError::Reserved("$artifact".into())));
    }

    #[test]
    fn references_survive_the_way_through_json() {
        let artifact = ArtifactRef { kind: ArtifactKind::Image, digest: Digest::of("x"), size: 7 };
        let value = Value::Map(BTreeMap::from([
            ("image".to_owned(), artifact.clone().into()),
            ("token".to_owned(), Value::Secret(SecretRef("deploy".into()))),
            ("count".to_owned(), 3.into()),
        ]));
        assert_eq!(Value::from_json(&value.to_json()), Ok(value.clone()));
        assert_eq!(value.artifacts(), [&artifact]);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert!(Value::from_plain_json(json!(u64::MAX)).is_err());
    }
}
