//! A turn on its way to the disk, and what waits for it there.

use std::sync::Arc;

use engine_core::run::Command;
use engine_ports::{RunRow, StoreError};
use futures::future::BoxFuture;
use vocab::RunId;

use super::turn::{Answer, Grant};
use crate::attempt::Leash;

/// What follows once a turn is durable.
pub(super) struct Landing {
    /// The row as it is in the store then.
    pub(super) row: RunRow,
    /// Runs that this one started and whose effects it lets go.
    pub(super) released: Vec<RunId>,
    /// Tokens of the attempts whose reports are in the turn.
    pub(super) ended: Vec<u64>,
    /// Attempts that the turn granted and that began already.
    pub(super) ahead: Vec<Arc<Leash>>,
    pub(super) answers: Vec<Answer>,
    pub(super) grants: Vec<Grant>,
    pub(super) commands: Vec<Command>,
}

/// A commit that is being written.
pub(super) struct Flight {
    write: BoxFuture<'static, Result<(), StoreError>>,
    landing: Landing,
}

impl Flight {
    pub(super) const fn new(write: BoxFuture<'static, Result<(), StoreError>>, landing: Landing) -> Self {
        Self { write, landing }
    }

    /// Waits until it is known whether the commit is durable. Not to be asked again after that.
    pub(super) async fn landed(&mut self) -> Result<(), StoreError> {
        (&mut self.write).await
    }

    pub(super) fn landing(self) -> Landing {
        self.landing
    }
}
