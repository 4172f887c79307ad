//! Identifiers: `UUIDv7`, so that they sort by time of birth.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Digest, Timestamp};

/// Where identifiers come from. Injected, so that a test can foresee them.
pub trait IdSource: Send + Sync {
    /// A fresh `UUIDv7`, later than every one before it.
    fn uuid(&self) -> Uuid;
}

/// Foreseeable identifiers for tests: 1, 2, 3 and so on.
#[derive(Debug, Default)]
pub struct SeededIds(AtomicU64);

impl IdSource for SeededIds {
    fn uuid(&self) -> Uuid {
        let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let mut random = [0_u8; 10];
        random[2..].copy_from_slice(&count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(0, &random).into_uuid()
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh one.
            pub fn generate(ids: &dyn IdSource) -> Self {
                Self(ids.uuid())
            }

            /// The identifier itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(
    /// One execution of a workflow.
    RunId
);
id!(
    /// A Git repository with its settings.
    ProjectId
);
id!(
    /// A process that executes attempts; a new one at each start.
    WorkerId
);
id!(
    /// Something that one process asks of a run which another one drives.
    RequestId
);
impl RunId {
    /// The id of a run that follows from another one: the same whoever computes it. `at` is the moment of its birth,
    /// `digest` that of whatever tells it from others.
    pub fn derived(at: Timestamp, digest: &Digest) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        let mut random = [0_u8; 10];
        for (byte, pair) in random.iter_mut().zip(digest.hex().as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(pair).unwrap_or("00");
            *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
        }
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}
