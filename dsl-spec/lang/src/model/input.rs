//! An input of a workflow: what a run may be started with.

use serde::{Deserialize, Serialize};
use vocab::{Inputs, Mismatch, SecretRef, Type, Value};

use super::Workflow;
use crate::diagnostic::did_you_mean;
use crate::expr::describe;

/// An input as it was declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The type of its value.
    pub ty: Type,
    /// Whether a run must give it; it then has no default.
    pub required: bool,
    /// What holds when a run does not give it; null where there is nothing.
    pub default: Option<Value>,
    /// What it is for.
    pub description: Option<String>,
}

/// Why inputs do not fit a workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The workflow has no such input.
    #[error("the workflow has no input `{name}`{suggestion}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// `; did you mean …?`, or nothing.
        suggestion: String,
    },
    /// An input without a default was not given.
    #[error("the input `{name}` is required: it takes {ty}")]
    Missing {
        /// The input.
        name: String,
        /// Its type.
        ty: String,
    },
    /// The value has another type.
    #[error("the input `{name}`: {mismatch}")]
    Type {
        /// The input.
        name: String,
        /// Where in the value, and what was expected.
        mismatch: Mismatch,
    },
    /// A text of the command line cannot be read as a value of the type.
    #[error("the input `{name}`: `{text}` cannot be read as {ty}")]
    Unreadable {
        /// The input.
        name: String,
        /// The start of the text.
        text: String,
        /// Its type.
        ty: String,
    },
}

impl Input {
    /// The type that `inputs.NAME` has in expressions: nullable where a run may leave the input out and nothing
    /// stands in.
    pub fn read_type(&self) -> Type {
        if self.required || self.default.is_some() {
            self.ty.clone()
        } else {
            Type::nullable(self.ty.clone())
        }
    }

    /// Makes a secret's name into a reference, where a secret is wanted: outside, a secret is its name.
    fn accept(&self, value: Value) -> Value {
        match (&self.ty, value) {
            (Type::Secret, Value::String(name)) if !name.is_empty() => Value::Secret(SecretRef(name)),
            (_, value) => value,
        }
    }
}

impl Workflow {
    /// The inputs of a run: what is `given`, checked, and defaults for the rest. An optional input without either
    /// is null.
    ///
    /// # Errors
    /// Every input that is unknown, missing or of the wrong type, in the order of the declaration; nothing half-done.
    pub fn resolve_inputs(&self, given: Inputs) -> Result<Inputs, Vec<InputError>> {
        let mut errors = Vec::new();
        for name in given.keys().filter(|name| !self.inputs.contains_key(*name)) {
            let suggestion = did_you_mean(name, self.inputs.keys().map(String::as_str));
            errors.push(InputError::Unknown { name: name.chars().take(80).collect(), suggestion });
        }
        let mut given = given;
        let mut resolved = Inputs::new();
        for (name, input) in &self.inputs {
            let value = match given.remove(name).map(|value| input.accept(value)) {
                // Leaving an optional input out and giving null are the same.
                None | Some(Value::Null) if input.required => {
                    errors.push(InputError::Missing { name: name.clone(), ty: describe(&input.ty) });
                    continue;
                }
                None | Some(Value::Null) => input.default.clone().unwrap_or_default(),
                Some(value) => match input.ty.check(&value) {
                    Ok(()) => value,
                    Err(mismatch) => {
                        errors.push(InputError::Type { name: name.clone(), mismatch });
                        continue;
                    }
                },
            };
            resolved.insert(name.clone(), value);
        }
        if errors.is_empty() { Ok(resolved) } else { Err(errors) }
    }

    /// Reads a text, as the command line gives it (`--input NAME=VALUE`), as a value of that input's type: numbers,
    /// booleans, and JSON for lists and maps.
    ///
    /// # Errors
    /// When there is no such input, or the text is no such value.
    pub fn read_input(&self, name: &str, text: &str) -> Result<Value, InputError> {
        let input = self.inputs.get(name).ok_or_else(|| InputError::Unknown {
            name: name.chars().take(80).collect(),
            suggestion: did_you_mean(name, self.inputs.keys().map(String::as_str)),
        })?;
        let value = match &input.ty {
            Type::Integer => text.trim().parse().ok().map(Value::Integer),
            Type::Number => {
                text.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number)
            }
            Type::Boolean => text.trim().parse().ok().map(Value::Bool),
            Type::List(_) | Type::Map(_) | Type::Object(_) | Type::Any => {
                serde_json::from_str(text).ok().and_then(|json| Value::from_plain_json(json).ok())
            }
            _ => Some(input.accept(Value::from(text))),
        };
        value.ok_or_else(|| InputError::Unreadable {
            name: name.to_owned(),
            text: text.chars().take(80).collect(),
            ty: describe(&input.ty),
        })
    }
}
