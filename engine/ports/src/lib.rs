//! The ports of the engine: what the runtime and the actions ask of the outside.
//!
//! A port is a noun (`RunStore`); an adapter adds its technology (`SqliteRunStore`). Nothing here does anything:
//! no I/O, no defaults that touch the world.

mod action;
mod artifact_store;
mod claim;
mod effect;
mod event_bus;
mod image_store;
mod log;
mod memo;
mod project_store;
mod retention;
mod run_store;
mod secret_store;
mod settings;
mod store_error;
mod tool;

pub use action::{Action, ActionError, Fingerprint, RunSource, Services, StepContext, UndoContext};
pub use artifact_store::{ArtifactError, ArtifactStore, ByteStream, HoldOwner, HoldOwnerError};
pub use claim::{Answer, Claim, Request, Term};
pub use effect::{
    Begun, EffectGuard, EffectJournal, EffectKey, EffectRecord, JournalError, Presence, UndoOutcome,
};
pub use event_bus::{EventBus, Notice};
pub use image_store::{
    Expect, ImageError, ImageManifest, ImageStore, Moved, Pushed, Repository, RepositoryError, Withdrawn,
};
pub use log::{LogRecord, LogStream, Progress, StepLog};
pub use memo::{MemoEntry, MemoKey};
pub use project_store::{
    Delivery, DeliveryOutcome, DeliveryRow, NewDelivery, Project, ProjectStore, Token, TokenStore,
};
pub use retention::{FinishedFilter, FinishedRun};
pub use run_store::{
    Commit, EventRecord, Lease, LeaseChange, NewRun, Page, Projection, RunFilter, RunRow, RunStore, StepRow,
    UnderWay,
};
pub use secret_store::{SecretError, SecretStore, SecretText};
pub use settings::{MirrorMap, StepSettings};
pub use store_error::StoreError;
pub use tool::{Capture, ToolCommand, ToolError, ToolExit, ToolRunner};
