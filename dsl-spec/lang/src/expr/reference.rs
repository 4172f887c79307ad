//! What an expression may read: inputs, steps, the run, its trigger, the instance of an expanded step.

use std::fmt;

use serde::{Deserialize, Serialize};
use vocab::{RunStatus, StepStatus, Type};

/// The words of a field of `run`, `trigger` or `each`, each with its name and type.
macro_rules! fields {
    ($(#[doc = $doc:literal] $name:ident { $(#[doc = $field_doc:literal] $field:ident $word:literal $ty:expr;)+ })+) => {
        $(
            #[doc = $doc]
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(rename_all = "snake_case")]
            pub enum $name { $(#[doc = $field_doc] $field,)+ }

            impl $name {
                /// Every one, in the order of the reference.
                pub const ALL: &[Self] = &[$(Self::$field,)+];

                /// How it is written.
                pub const fn name(self) -> &'static str {
                    match self { $(Self::$field => $word,)+ }
                }

                pub(crate) fn of_name(name: &str) -> Option<Self> {
                    Self::ALL.iter().copied().find(|field| field.name() == name)
                }

                /// The type of its value.
                pub fn ty(self) -> Type {
                    match self { $(Self::$field => $ty,)+ }
                }
            }
        )+
    };
}

fields! {
    /// A field of `run`.
    RunField {
        /// The run's id, a UUID.
        Id "id" Type::String;
        /// The workflow's name.
        Name "name" Type::String;
        /// The commit whose workflow runs: 40 or 64 hexadecimal characters.
        Commit "commit" Type::String;
        /// The branch that was pushed; null when no branch was.
        Branch "branch" Type::nullable(Type::String);
        /// What the run comes to. In `finally` only.
        Status "status" Type::Enum(ends_of_runs());
    }
    /// A field of `trigger`.
    TriggerField {
        /// What started the run.
        Kind "kind" Type::Enum(["push", "manual"].map(String::from).to_vec());
        /// The full name of the ref that was pushed: `refs/heads/main`; null when none was.
        Ref "ref" Type::nullable(Type::String);
        /// The commit that was pushed; null when none was.
        Commit "commit" Type::nullable(Type::String);
        /// Who pushed or started; null when it is not known.
        Actor "actor" Type::nullable(Type::String);
    }
    /// A field of `each`, in a step with `for_each`. The type of `each.value` is that of the list's items.
    EachField {
        /// The item of the list that this instance is for.
        Value "value" Type::Any;
        /// The number of the instance, from 0.
        Index "index" Type::Integer;
    }
    /// A function that asks how things stand. It replaces the gate of the step whose `if` holds it.
    StatusFunction {
        /// Everything that the step needs succeeded or was skipped. In `finally`: the run succeeded so far.
        Success "success" Type::Boolean;
        /// Something that the step needs, however far up, failed. In `finally`: the run failed.
        Failure "failure" Type::Boolean;
        /// True.
        Always "always" Type::Boolean;
        /// The run is being cancelled.
        Cancelled "cancelled" Type::Boolean;
    }
}

/// What `run.status` may say in `finally`: how a run ends.
fn ends_of_runs() -> Vec<String> {
    let ends = RunStatus::ALL.iter().filter(|status| status.is_terminal());
    ends.map(|status| status.name().to_owned()).collect()
}

/// A name from outside the expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// `inputs.NAME`: an input of the workflow.
    Input(String),
    /// `steps.STEP.outputs.OUTPUT`. Of an expanded step it is the list over its instances.
    Output {
        /// The step.
        step: String,
        /// The output of its action.
        output: String,
    },
    /// `steps.STEP.result`: how it ended, a text.
    Result {
        /// The step.
        step: String,
    },
    /// `run.FIELD`.
    Run(RunField),
    /// `trigger.FIELD`.
    Trigger(TriggerField),
    /// `each.FIELD`.
    Each(EachField),
}

impl Reference {
    /// The names that a reference begins with.
    pub(crate) const ROOTS: [&'static str; 5] = ["inputs", "steps", "run", "trigger", "each"];

    /// What `steps.x.result` may say: how a step ends.
    pub fn results() -> Vec<String> {
        let ends = StepStatus::ALL.iter().filter(|status| status.is_terminal());
        ends.map(|status| status.name().to_owned()).collect()
    }

    /// The step that it reads.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Output { step, .. } | Self::Result { step } => Some(step),
            _ => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name) => write!(f, "inputs.{name}"),
            Self::Output { step, output } => write!(f, "steps.{step}.outputs.{output}"),
            Self::Result { step } => write!(f, "steps.{step}.result"),
            Self::Run(field) => write!(f, "run.{}", field.name()),
            Self::Trigger(field) => write!(f, "trigger.{}", field.name()),
            Self::Each(field) => write!(f, "each.{}", field.name()),
        }
    }
}
