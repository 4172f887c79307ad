//! Names of repositories and tags, by the rules of OCI Distribution and our own: `TENANT/name(/more)`.

use std::fmt;
use std::str::FromStr;

use vocab::{Digest, TenantName};

/// Longest name of a repository, tenant included, in characters. Clients build host names and paths from it.
const NAME_LENGTH: usize = 255;
/// Longest tag, in characters.
const TAG_LENGTH: usize = 128;

/// Why a text names no repository, tag or manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: {rule}")]
pub struct NameError {
    /// What was given, cut to a readable length.
    pub text: String,
    /// What it was meant to be.
    pub what: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
}

fn refuse(text: &str, what: &'static str, rule: &'static str) -> NameError {
    NameError { text: text.chars().take(80).collect(), what, rule }
}

/// The full name of a repository. Its first part is the tenant that owns it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName {
    full: Box<str>,
    tenant: TenantName,
}

impl RepositoryName {
    /// The whole name: `default/golden/debian`.
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// The tenant that owns it.
    pub const fn tenant(&self) -> &TenantName {
        &self.tenant
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        const WHAT: &str = "repository name";
        if text.len() > NAME_LENGTH {
            return Err(refuse(text, WHAT, "at most 255 characters"));
        }
        let (tenant, rest) = text
            .split_once('/')
            .ok_or_else(|| refuse(text, WHAT, "repositories are TENANT/name, such as `default/debian`"))?;
        let tenant = tenant.parse().map_err(|_| {
            refuse(
                text,
                WHAT,
                "the part before the first `/` is a tenant: lower-case letters, digits and dashes",
            )
        })?;
        if !rest.split('/').all(is_component) {
            return Err(refuse(
                text,
                WHAT,
                "each part is lower-case letters and digits, with single `.`, `_`, `__` or dashes between them",
            ));
        }
        Ok(Self { full: text.into(), tenant })
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let edges = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    edges
        && bytes.split(|byte| word(*byte)).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')
        })
}

/// A movable name of a manifest in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Box<str>);

impl Tag {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let bytes = text.as_bytes();
        let shape = bytes.first().copied().is_some_and(word)
            && bytes.len() <= TAG_LENGTH
            && bytes.iter().all(|byte| word(*byte) || matches!(byte, b'.' | b'-'));
        if shape {
            Ok(Self(text.into()))
        } else {
            Err(refuse(
                text,
                "tag",
                "letters, digits, `_`, `.` and `-`, not starting with `.` or `-`, at most 128",
            ))
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a client names a manifest in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locator {
    /// By its content.
    Digest(Digest),
    /// By a name that may move.
    Tag(Tag),
}

impl FromStr for Locator {
    type Err = NameError;

    /// A colon is never part of a tag, so a text with one is meant as a digest.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.contains(':') {
            text.parse().map(Self::Digest).map_err(|_| {
                refuse(text, "digest", "expected `sha256:` or `sha512:` and lower-case hexadecimal digits")
            })
        } else {
            text.parse().map(Self::Tag)
        }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Tag(tag) => tag.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn repository_names_follow_the_rules_of_distribution() {
        for text in
            ["default/debian", "default/golden/debian-12", "a/b.c_d__e---f/9", "t/blobs/uploads", "t/0"]
        {
            assert_eq!(text.parse::<RepositoryName>().map(|name| name.to_string()), Ok(text.to_owned()));
        }
        let long = format!("t/{}", "a".repeat(254));
        for text in [
            "", "/", "debian", "t/", "/t", "t//a", "t/A", "t/-a", "t/a-", "t/a..b", "t/a___b", "t/a._b",
            "t/..", "t/a b", "t/a%2fb", "T/a", "t/ä", &long,
        ] {
            assert!(text.parse::<RepositoryName>().is_err(), "{text}");
        }
    }

    #[test]
    fn tags_and_digests_are_told_apart() {
        assert!(matches!("v1.0".parse(), Ok(Locator::Tag(_))));
        assert!(matches!(Digest::of("x").to_string().parse(), Ok(Locator::Digest(_))));
        for text in ["", ".a", "-a", "a/b", "sha256:abc", "a:b", "ü", &"a".repeat(129)] {
            assert!(text.parse::<Locator>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_valid_names_read_back(text in "\\PC{0,40}") {
            if let Ok(name) = text.parse::<RepositoryName>() {
                prop_assert_eq!(name.as_str(), text.as_str());
                prop_assert!(name.as_str().starts_with(name.tenant().as_str()));
                prop_assert!(!text.contains(".."));
            }
            if let Ok(locator) = text.parse::<Locator>() {
                prop_assert_eq!(locator.to_string(), text);
            }
        }

        #[test]
        fn components_match_their_grammar(words in prop::collection::vec("[a-z0-9]{1,3}", 1..5), gaps in prop::collection::vec("\\.|_|__|-{1,4}", 4)) {
            let part = words.iter().zip(gaps.iter().map(String::as_str)).fold(String::new(), |mut part, (word, gap)| {
                if !part.is_empty() {
                    part.push_str(gap);
                }
                part.push_str(word);
                part
            });
            prop_assert!(is_component(&part), "{}", part);
        }
    }
}
