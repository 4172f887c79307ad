//! What the world knows about an action without running it: its name, ports and promises.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{StepPath, Type, Value};

/// The name and version of an action, as `uses:` writes it: `container/buildah@v1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionRef {
    /// Family and name: `container/buildah`.
    pub name: Box<str>,
    /// Major version, from 1. A new one may change ports; within one, ports only grow.
    pub version: u32,
}

/// Why a text names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no action; expected something like `container/buildah@v1`")]
pub struct ActionRefError(String);

impl FromStr for ActionRef {
    type Err = ActionRefError;

    fn from_str(text: &str) -> Result<Self, ActionRefError> {
        let parse = || {
            let (name, version) = text.split_once("@v")?;
            let number: u32 = version.parse().ok()?;
            let (family, action) = name.split_once('/')?;
            let word = |word: &str| StepPath::is_name(&word.replace('-', "_"));
            (number > 0 && number.to_string() == version && word(family) && word(action))
                .then(|| Self { name: name.into(), version: number })
        };
        parse().ok_or_else(|| ActionRefError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for ActionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@v{}", self.name, self.version)
    }
}

impl Serialize for ActionRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ActionRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How far an action keeps what it runs away from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Runs inside the factory and executes nothing that a tenant wrote.
    Internal,
    /// Runs a program of the operator's; nothing that a tenant wrote is executed.
    Tool,
    /// A tenant's code runs in a container with namespaces of its own.
    Oci,
    /// A tenant's code runs in a changed root on the host: execution on the host.
    Chroot,
    /// A tenant's code runs on the host.
    None,
}

impl Isolation {
    /// Whether a tenant's code reaches the host; such a step needs `--trust host`.
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Chroot | Self::None)
    }

    /// The word used in workflows and listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Tool => "tool",
            Self::Oci => "oci",
            Self::Chroot => "chroot",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which isolation an action has: always the same, or as one of its inputs says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationRule {
    /// What holds when no input says otherwise.
    pub default: Isolation,
    /// The input (of type enum) whose text is the name of an isolation.
    pub input: Option<String>,
}

impl IsolationRule {
    /// The same for all inputs.
    pub const fn always(isolation: Isolation) -> Self {
        Self { default: isolation, input: None }
    }

    /// The isolation that these inputs ask for. A text that names none counts as the host.
    pub fn of(&self, input: impl FnOnce(&str) -> Option<Value>) -> Isolation {
        match self.input.as_deref().and_then(input) {
            None | Some(Value::Null) => self.default,
            Some(value) => match value.as_str() {
                Some("oci") => Isolation::Oci,
                Some("chroot") => Isolation::Chroot,
                _ => Isolation::None,
            },
        }
    }
}

/// An input or an output of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Its name: `[a-z][a-z0-9_]*`.
    pub name: String,
    /// The type of its value.
    pub ty: Type,
    /// One line that says what it is for, with units where there are any.
    pub doc: String,
    /// Whether a workflow must give it. An output is always there.
    pub required: bool,
    /// What holds when a workflow does not give it.
    pub default: Option<Value>,
}

impl Port {
    /// An input that a workflow must give, or an output.
    pub fn required(name: &str, ty: Type, doc: &str) -> Self {
        Self { name: name.to_owned(), ty, doc: doc.to_owned(), required: true, default: None }
    }

    /// An input that a workflow may leave out: then the action sees nothing.
    pub fn optional(name: &str, ty: Type, doc: &str) -> Self {
        Self { name: name.to_owned(), ty, doc: doc.to_owned(), required: false, default: None }
    }

    /// An input that a workflow may leave out: then the action sees `default`.
    pub fn with_default(name: &str, ty: Type, default: impl Into<Value>, doc: &str) -> Self {
        Self { default: Some(default.into()), ..Self::optional(name, ty, doc) }
    }
}

/// Whether the outputs of an action may be served from an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caching {
    /// Pure: outputs depend on the inputs and on what the action's fingerprint covers.
    Auto,
    /// It has effects, or reads what no fingerprint covers.
    Never,
}

/// A kind of effect that an action makes outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectSpec {
    /// The effect's name, the last part of its key.
    pub name: String,
    /// What is made, and how it is undone.
    pub doc: String,
}

/// A program that an action needs on the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolNeed {
    /// The program's name on `PATH`.
    pub program: String,
    /// The Debian package that holds it.
    pub package: String,
}

/// What a step can wait for without holding a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// A moment.
    Time,
    /// Word from outside that something happened.
    Event,
    /// People who say yes or no.
    Decision,
    /// Another run.
    Run,
}

/// All that lint, plan, docs and dispatch know about an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionManifest {
    /// Name and version.
    pub action: ActionRef,
    /// One line for listings.
    pub summary: String,
    /// What it does, in a few sentences of Markdown.
    pub doc: String,
    /// What it takes.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
    /// How it keeps a tenant's code away from the host.
    pub isolation: IsolationRule,
    /// Whether its outputs may come from the cache.
    pub caching: Caching,
    /// What it makes outside.
    pub effects: Vec<EffectSpec>,
    /// What it waits for without a worker, where that is all it does: the engine does it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitKind>,
    /// What it needs on the worker.
    pub tools: Vec<ToolNeed>,
    /// A step in YAML that shows its use.
    pub example: String,
}

impl ActionManifest {
    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|port| port.name == name)
    }

    /// Whether all that it does is in its outputs: same inputs and same outside, same outputs.
    pub fn is_pure(&self) -> bool {
        self.caching == Caching::Auto && self.effects.is_empty()
    }

    /// Whether an attempt may begin before its start is on the disk: it is pure, and happens within this process, so
    /// that nobody can tell when a crash has it begin once more.
    pub fn may_run_ahead(&self) -> bool {
        self.is_pure()
            && self.tools.is_empty()
            && self.isolation == IsolationRule::always(Isolation::Internal)
    }

    /// The output of that name.
    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_names_have_one_spelling() {
        assert!("container/buildah@v1".parse::<ActionRef>().is_ok());
        for text in [
            "",
            "buildah@v1",
            "container/buildah",
            "container/buildah@1",
            "a/b@v01",
            "a/b@v0",
            "../b@v1",
            "a/b/c@v1",
        ] {
            assert!(text.parse::<ActionRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_unreadable_isolation_counts_as_the_host() {
        let rule = IsolationRule { default: Isolation::Oci, input: Some("isolation".into()) };
        assert_eq!(rule.of(|_| None), Isolation::Oci);
        assert!(rule.of(|_| Some("chroot".into())).is_host());
        assert!(rule.of(|_| Some("whatever".into())).is_host());
    }
}
