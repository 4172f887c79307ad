//! Projects.

use engine_ports::Project;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A project as callers see it. The secret is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ProjectView {
    /// The project.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// URL of its Git repository.
    pub(crate) url: String,
    /// Whether the operator trusts it with the host.
    pub(crate) trust_host: bool,
    /// Name of the secret that opens its repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credentials_secret: Option<String>,
    /// Where its Git host delivers pushes.
    pub(crate) webhook_url: String,
    /// The secret to give to the Git host; only in the answer that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_secret: Option<String>,
    /// When it was registered, RFC 3339.
    pub(crate) created_at: String,
}

impl ProjectView {
    /// A row as callers see it, at a server with that URL.
    pub(crate) fn new(project: &Project, base: &str) -> Self {
        Self {
            id: project.id.to_string(),
            name: project.name.to_string(),
            url: project.url.clone(),
            trust_host: project.trust_host,
            credentials_secret: project.credentials_secret.as_ref().map(|secret| secret.0.clone()),
            webhook_url: format!("{base}/api/v1/webhooks/{}/{}", project.tenant, project.name),
            webhook_secret: None,
            created_at: project.created_at.to_string(),
        }
    }
}

/// A part of the list of projects, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ProjectPage {
    /// The projects.
    pub(crate) projects: Vec<ProjectView>,
    /// `after` of the next part, where there is one.
    pub(crate) next: Option<String>,
}

/// Registers a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProject {
    /// Its name.
    pub(crate) name: String,
    /// URL of its Git repository, without credentials.
    pub(crate) url: String,
    /// The webhook's secret; one is made and shown once where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_secret: Option<String>,
    /// Whether its workflows may run on the host.
    #[serde(default)]
    pub(crate) trust_host: bool,
    /// Name of the secret that opens its repository: a token for https, a private key for ssh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credentials_secret: Option<String>,
}

/// Changes a project; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectChange {
    /// URL of its Git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// A new secret for the webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_secret: Option<String>,
    /// Makes a new secret for the webhook and shows it once.
    #[serde(default)]
    pub(crate) renew_webhook_secret: bool,
    /// Whether its workflows may run on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trust_host: Option<bool>,
    /// Name of the secret that opens its repository from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credentials_secret: Option<String>,
    /// Its repository opens without a secret from now on.
    #[serde(default)]
    pub(crate) no_credentials: bool,
}
