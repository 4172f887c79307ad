//! Projects, the deliveries of their web hooks, and the tokens of those who call.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::{Name, ProjectId, SecretRef, TenantName, Timestamp};

use crate::{Page, StoreError};

/// A Git repository with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The project.
    pub id: ProjectId,
    /// Whose it is.
    pub tenant: TenantName,
    /// Its name, unique within the tenant.
    pub name: Name,
    /// URL of the Git repository, without credentials.
    pub url: String,
    /// The tenant's secret that opens the repository: a token for https, a private key for ssh.
    #[serde(default)]
    pub credentials_secret: Option<SecretRef>,
    /// Whether the operator trusts it with the host.
    pub trust_host: bool,
    /// The web hook's secret, sealed: only the door that checks signatures can open it.
    pub sealed_secret: Vec<u8>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A delivery of a web hook, as it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDelivery {
    /// The project whose hook was called.
    pub project: ProjectId,
    /// The sender's id of the delivery: a redelivery carries the same one.
    pub delivery: String,
    /// The sender's name of the event: `push`.
    pub event: String,
    /// The body, after its signature was checked.
    pub payload: Json,
    /// When it came.
    pub at: Timestamp,
}

/// Whether a delivery is new.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// It is; its row is durable.
    New,
    /// It came before; this is what became of it.
    Seen(Box<DeliveryRow>),
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// Accepted, not yet acted on.
    Pending,
    /// Acted on: the answer that its sender got or would have got.
    Done {
        /// The answer's JSON: runs that were started, diagnostics, reasons why nothing was.
        answer: Json,
        /// Its HTTP status.
        status: u16,
    },
}

/// A delivery with its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRow {
    /// As it came in.
    pub delivery: NewDelivery,
    /// What became of it.
    pub outcome: DeliveryOutcome,
}

/// Where projects and deliveries are kept.
#[async_trait]
pub trait ProjectStore: Send + Sync {
    /// Registers a project. `Exists` when the tenant has one of that name.
    async fn add(&self, project: Project) -> Result<(), StoreError>;

    /// Replaces a project's settings, if they are still `expected`; else `Conflict`, and nothing changes.
    async fn update(&self, expected: &Project, project: Project) -> Result<(), StoreError>;

    /// Removes a project. Its runs stay.
    async fn remove(&self, tenant: &TenantName, name: &Name) -> Result<(), StoreError>;

    /// A project by name.
    async fn by_name(&self, tenant: &TenantName, name: &Name) -> Result<Option<Project>, StoreError>;

    /// A project by id, whoever's: for the engine itself.
    async fn by_id(&self, project: ProjectId) -> Result<Option<Project>, StoreError>;

    /// A tenant's projects by name, after `after`.
    async fn list(
        &self,
        tenant: &TenantName,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<Page<Project>, StoreError>;

    /// Writes a delivery down, once.
    async fn accept(&self, delivery: NewDelivery) -> Result<Delivery, StoreError>;

    /// A delivery and what became of it, by the sender's id.
    async fn delivery(&self, project: ProjectId, delivery: &str) -> Result<Option<DeliveryRow>, StoreError>;

    /// Writes down what became of a delivery.
    async fn conclude(
        &self,
        project: ProjectId,
        delivery: &str,
        outcome: DeliveryOutcome,
    ) -> Result<(), StoreError>;

    /// Deliveries that are still pending, oldest first, from the one after `after`: what recovery acts on.
    async fn pending(&self, after: Option<&NewDelivery>, limit: u32) -> Result<Vec<NewDelivery>, StoreError>;

    /// How many deliveries are still pending, of all projects.
    async fn pending_deliveries(&self) -> Result<u64, StoreError>;

    /// Removes deliveries that were acted on and came before `before`: at most `limit`, oldest first. How many went.
    /// One that is sent again afterwards is new.
    async fn forget_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// A bearer token, as the database knows it: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// SHA-256 of the token, in hexadecimal. Tokens are random, so a plain hash is enough.
    pub hash: String,
    /// Who it stands for.
    pub user: String,
    /// The tenant that it may act in.
    pub tenant: TenantName,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where tokens are kept.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Adds a token.
    async fn add_token(&self, token: Token) -> Result<(), StoreError>;

    /// Leaves `token` as the only one of its user in its tenant: all others of them end, in one transaction. One that
    /// is there already stays as it was. `Exists` when somebody else has that hash; then nothing changes.
    async fn replace_tokens(&self, token: Token) -> Result<(), StoreError>;

    /// The token with that hash.
    async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError>;
}
