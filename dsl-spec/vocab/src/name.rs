//! Names that people give: `[a-z][a-z0-9_]*` in workflows, `[a-z0-9]` with dashes for tenants and projects.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid name: {rule}")]
pub struct NameError {
    /// What was given, cut to a readable length.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

fn refuse(text: &str, rule: &'static str) -> NameError {
    NameError { text: text.chars().take(80).collect(), rule }
}

/// A name of a tenant, a project or a workflow: lower-case letters, digits and single dashes, at most 63
/// characters, so that it can stand in a host name, an image repository and a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(Box<str>);

/// The name of a tenant; it is the first part of each of its repositories.
pub type TenantName = Name;

impl Name {
    /// The tenant that exists from the first start.
    pub fn default_tenant() -> Self {
        Self("default".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        const RULE: &str =
            "use lower-case letters, digits and single dashes, starting with a letter, at most 63 characters";
        let bytes = text.as_bytes();
        let shape = bytes.first().is_some_and(u8::is_ascii_lowercase)
            && bytes.len() <= 63
            && bytes.last() != Some(&b'-')
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
            && !text.contains("--");
        if shape { Ok(Self(text.into())) } else { Err(refuse(text, RULE)) }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_hurt_a_path_or_a_host_are_refused() {
        for text in ["", "-a", "a-", "a--b", "A", "a/b", "..", "a_b", "1a", &"a".repeat(64)] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
        assert_eq!("golden-debian".parse::<Name>().map(|name| name.to_string()), Ok("golden-debian".into()));
    }
}
