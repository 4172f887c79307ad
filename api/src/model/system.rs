//! What the server says about itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`.
    pub(crate) status: String,
    /// Version of the program.
    pub(crate) version: String,
}

/// The server takes work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Ready {
    /// `ready`.
    pub(crate) status: String,
    /// Why no step starts for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<String>,
}

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Index {
    /// `image-factory`.
    pub(crate) name: String,
    /// Version of the program.
    pub(crate) version: String,
    /// Where this page lies in the repository.
    pub(crate) reference: String,
    /// How to sign in.
    pub(crate) authentication: String,
    /// The routes.
    pub(crate) routes: Vec<IndexedRoute>,
}

/// A route in the list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct IndexedRoute {
    /// Its method.
    pub(crate) method: String,
    /// Its path, parameters in braces.
    pub(crate) path: String,
    /// What it is for.
    pub(crate) purpose: String,
}
