//! Actions, as `actions list --output json` and the API show them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use vocab::{ActionManifest, Caching, Port};

/// What the world knows about an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ActionView {
    /// Family and name: `container/buildah`.
    pub(crate) name: String,
    /// Version: `v1`.
    pub(crate) version: String,
    /// One line about it.
    pub(crate) summary: String,
    /// What it does, in Markdown.
    pub(crate) doc: String,
    /// JSON Schema of its inputs.
    pub(crate) inputs: Json,
    /// JSON Schema of its outputs.
    pub(crate) outputs: Json,
    /// How it keeps a tenant's code away from the host, when no input says otherwise.
    pub(crate) isolation: String,
    /// The input that may say otherwise.
    pub(crate) isolation_input: Option<String>,
    /// Whether its outputs may come from the cache.
    pub(crate) cacheable: bool,
    /// Whether it has effects that it can undo.
    pub(crate) compensates: bool,
    /// Its effects: name and meaning.
    pub(crate) effects: Vec<Json>,
    /// Programs it needs: `program` and Debian `package`.
    pub(crate) tools: Vec<Json>,
    /// A step in YAML that shows its use.
    pub(crate) example: String,
}

impl From<&ActionManifest> for ActionView {
    fn from(manifest: &ActionManifest) -> Self {
        Self {
            name: manifest.action.name.to_string(),
            version: format!("v{}", manifest.action.version),
            summary: manifest.summary.clone(),
            doc: manifest.doc.clone(),
            inputs: schema(&manifest.inputs),
            outputs: schema(&manifest.outputs),
            isolation: manifest.isolation.default.to_string(),
            isolation_input: manifest.isolation.input.clone(),
            cacheable: manifest.caching == Caching::Auto,
            compensates: !manifest.effects.is_empty(),
            effects: manifest
                .effects
                .iter()
                .map(|effect| json!({ "name": effect.name, "doc": effect.doc }))
                .collect(),
            tools: manifest
                .tools
                .iter()
                .map(|tool| json!({ "program": tool.program, "package": tool.package }))
                .collect(),
            example: manifest.example.clone(),
        }
    }
}

/// The JSON Schema (2020-12) of an object with these ports.
fn schema(ports: &[Port]) -> Json {
    let properties: Map<String, Json> = ports
        .iter()
        .map(|port| {
            let mut schema = port.ty.json_schema();
            // `true` is a schema too, but has no room for words.
            if !schema.is_object() {
                schema = json!({});
            }
            schema["description"] = port.doc.clone().into();
            if let Some(default) = &port.default {
                schema["default"] = default.to_json();
            }
            (port.name.clone(), schema)
        })
        .collect();
    let required: Vec<_> = ports.iter().filter(|port| port.required).map(|port| &port.name).collect();
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}
