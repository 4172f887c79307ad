//! The name of one step instance: `build[2]/inner`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One step on the way down: a step's name and, where it was expanded, the number of the instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// The step's name in its workflow: `[a-z][a-z0-9_]*`.
    pub step: Box<str>,
    /// The instance of an expanded step, counted from 0 in expansion order.
    pub instance: Option<u32>,
}

/// The path of a step instance, from the run's own steps down into composite actions. Never empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepPath(Box<[Segment]>);

/// Why a text is not a step path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a step path; expected something like `build`, `build[2]` or `build[2]/inner`")]
pub struct StepPathError(String);

impl StepPath {
    /// Whether `name` may be the name of a step, an input or an output: `[a-z][a-z0-9_]*`, at most 64 characters.
    pub fn is_name(name: &str) -> bool {
        name.len() <= 64
            && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    }

    /// The path of a step at the top of a run. The name must be a valid step name.
    pub fn of_step(name: &str) -> Result<Self, StepPathError> {
        if !Self::is_name(name) {
            return Err(StepPathError(name.chars().take(80).collect()));
        }
        Ok(Self(Box::new([Segment { step: name.into(), instance: None }])))
    }

    /// The same path, with its last segment naming an instance.
    #[must_use]
    pub fn instance(&self, index: u32) -> Self {
        let mut segments = self.0.to_vec();
        if let Some(last) = segments.last_mut() {
            last.instance = Some(index);
        }
        Self(segments.into())
    }

    /// The segments, outermost first; at least one.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The name of the outermost step.
    pub fn root(&self) -> &str {
        &self.0[0].step
    }
}

impl FromStr for StepPath {
    type Err = StepPathError;

    fn from_str(text: &str) -> Result<Self, StepPathError> {
        let fail = || StepPathError(text.chars().take(80).collect());
        let segment = |part: &str| {
            let (step, instance) = match part.split_once('[') {
                None => (part, None),
                Some((step, rest)) => {
                    let digits = rest.strip_suffix(']')?;
                    let index: u32 = digits.parse().ok()?;
                    // One spelling for one path: no leading zeros, no plus sign.
                    (index.to_string() == digits).then_some((step, Some(index)))?
                }
            };
            StepPath::is_name(step).then(|| Segment { step: step.into(), instance })
        };
        let segments: Option<Vec<_>> = text.split('/').map(segment).collect();
        segments.map(|segments| Self(segments.into())).ok_or_else(fail)
    }
}

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("/")?;
            }
            f.write_str(&segment.step)?;
            if let Some(index) = segment.instance {
                write!(f, "[{index}]")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for StepPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StepPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_path_reads_back_as_itself(
            parts in prop::collection::vec(("[a-z][a-z0-9_]{0,8}", prop::option::of(any::<u32>())), 1..5)
        ) {
            let text: Vec<_> = parts
                .iter()
                .map(|(step, index)| index.map_or_else(|| step.clone(), |index| format!("{step}[{index}]")))
                .collect();
            let text = text.join("/");
            prop_assert_eq!(text.parse::<StepPath>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        for text in ["", "/", "a/", "A", "a[", "a[01]", "a[+1]", "a[-1]", "a[1]x", "..", "a//b"] {
            assert!(text.parse::<StepPath>().is_err(), "{text}");
        }
    }
}
