//! The words of Image Factory: what every room may name.
//!
//! Nothing here touches a file, a socket or a clock. A type belongs here only when at least two
//! rooms exchange it; what one room needs alone stays in that room.

mod action;
mod artifact;
mod clock;
mod digest;
mod error_class;
mod id;
mod limits;
mod name;
mod run_group;
mod size;
mod status;
mod step_path;
mod types;
mod value;

pub use action::{
    ActionManifest, ActionRef, ActionRefError, Caching, EffectSpec, Isolation, IsolationRule, Port, ToolNeed,
    WaitKind,
};
pub use artifact::{ArtifactKind, ArtifactRef};
pub use clock::{Clock, ManualClock, Timestamp, TimestampError};
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use error_class::ErrorClass;
pub use id::{IdSource, ProjectId, RequestId, RunId, SeededIds, WorkerId};
pub use limits::{Limit, Limits, Unit};
pub use name::{Name, NameError, TenantName};
pub use run_group::{OnNew, RunGroup};
pub use size::json_bytes;
pub use status::{Compensation, EffectState, RunStatus, StepStatus, UnknownWord};
pub use step_path::{Segment, StepPath, StepPathError};
pub use types::{Field, Mismatch, Type};
pub use value::{Inputs, Outputs, PlainError, SecretRef, Value};
