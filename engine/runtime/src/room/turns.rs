//! Whose turn it is: looked up, decided and committed under one lock for each tenant.
//!
//! Nothing is remembered from look to look. Rows say who waits and who goes on, so that a crash between the end of one
//! run and the start of the next costs a look, and nothing that counts can leak.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_ports::{RunRow, StoreError, UnderWay};
use tokio::sync::oneshot;
use vocab::TenantName;

use super::{Bounds, Sharing, Waits, share};
use crate::driver::Message;
use crate::shared::Shared;

/// Locks; tenants share them.
const LOCKS: usize = 32;

/// The turns of all tenants.
#[derive(Debug)]
pub(crate) struct Turns {
    bounds: Bounds,
    locks: [tokio::sync::Mutex<()>; LOCKS],
    /// Tenants whose runs somebody is about to look at: one look serves all who ask before it begins.
    wanted: Mutex<BTreeSet<TenantName>>,
}

/// Where a new run stands.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Whether it has room.
    pub(crate) goes: bool,
    /// What it waits for, when it has none.
    pub(crate) waits: Option<Waits>,
}

impl Turns {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            locks: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            wanted: Mutex::default(),
        }
    }

    /// Whether the run shares room with others. The run that a step started is a part of the one that waits for it.
    pub(crate) fn concerns(&self, run: &RunRow) -> bool {
        run.parent.is_none() && (run.group.is_some() || !self.bounds.is_none())
    }

    /// Nobody else is admitted or created among the tenant's runs that share room, as long as this is held.
    pub(crate) async fn lock(&self, tenant: &TenantName) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(tenant);
        let at = usize::try_from(hash % LOCKS as u64).unwrap_or(0);
        self.locks[at].lock().await
    }

    /// How the room of a tenant is shared now.
    pub(crate) async fn sharing(&self, shared: &Shared, tenant: &TenantName) -> Result<Sharing, StoreError> {
        Ok(share(&shared.store.under_way(tenant).await?, self.bounds))
    }

    /// Where a new run would stand. To be asked under the lock.
    pub(crate) async fn before(&self, shared: &Shared, new: &RunRow) -> Result<Standing, StoreError> {
        let mut runs = shared.store.under_way(&new.tenant).await?;
        runs.push(UnderWay {
            run: new.id,
            project: new.project,
            workflow: new.workflow.clone(),
            group: new.group.clone(),
            status: new.status,
        });
        runs.sort_by_key(|run| run.run);
        let mut found = share(&runs, self.bounds);
        let goes = found.admit.contains(&new.id);
        Ok(Standing { goes, waits: found.waits.remove(&new.id) })
    }

    /// Room may have come free: has the tenant's runs looked at soon.
    pub(crate) fn wake(&self, shared: &Arc<Shared>, tenant: &TenantName) {
        if self.wanted().insert(tenant.clone()) {
            let (shared, tenant) = (Arc::clone(shared), tenant.clone());
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                let stopped = shared.stopped.clone();
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = look(&shared, &tenant) => {}
                }
            });
        }
    }

    /// Has everything looked at that waits.
    pub(crate) async fn wake_all(&self, shared: &Arc<Shared>) -> Result<(), StoreError> {
        for tenant in shared.store.queueing().await? {
            self.wake(shared, &tenant);
        }
        Ok(())
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeSet<TenantName>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Admits those that have room, and asks those to end that have to make some.
async fn look(shared: &Arc<Shared>, tenant: &TenantName) {
    let turns = &shared.turns;
    let _lock = turns.lock(tenant).await;
    // Whoever asks from here on may have seen what this look does not.
    turns.wanted().remove(tenant);
    let found = match turns.sharing(shared, tenant).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%tenant, %error, "whose turn it is cannot be told now");
            return;
        }
    };
    for (run, to) in found.ask {
        shared.send(run, Message::GiveWay { to }).await;
    }
    let mut admitted = Vec::with_capacity(found.admit.len());
    for run in found.admit {
        let (answer, durable) = oneshot::channel();
        shared.send(run, Message::Admit { answer }).await;
        admitted.push(durable);
    }
    for durable in admitted {
        // When it is not known whether it is durable, the next look reads what is there.
        let _ = durable.await;
    }
}
