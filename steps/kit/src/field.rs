//! Types of fields in an action's struct of inputs.

use std::ops::Deref;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use vocab::{ArtifactRef, SecretRef, Value};

/// An artifact; the manifest says of which kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact(ArtifactRef);

impl From<Artifact> for ArtifactRef {
    fn from(artifact: Artifact) -> Self {
        artifact.0
    }
}

impl Deref for Artifact {
    type Target = ArtifactRef;

    fn deref(&self) -> &ArtifactRef {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Artifact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Artifact(artifact) => Ok(Self(artifact)),
            other => Err(D::Error::custom(format!("expected an artifact, found {}", other.kind()))),
        }
    }
}

/// A secret, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret(SecretRef);

impl Secret {
    /// The name to ask the secret store for.
    pub const fn name(&self) -> &SecretRef {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Secret(secret) => Ok(Self(secret)),
            other => Err(D::Error::custom(format!("expected a secret, found {}", other.kind()))),
        }
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(Duration);

impl Deref for Time {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        value.as_duration().map(Self).ok_or_else(|| D::Error::custom("expected a duration such as `90s`"))
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(u64);

impl Deref for Size {
    type Target = u64;

    fn deref(&self) -> &u64 {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        value.as_size().map(Self).ok_or_else(|| D::Error::custom("expected a size such as `512MiB`"))
    }
}
