//! Room to work off deliveries: a few at once, and one of each project.
//!
//! Reads of one repository wait for each other anyhow. So several deliveries of a project get nothing done sooner; they
//! would only hold the room that other projects need, for as long as a slow repository takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vocab::ProjectId;

/// Deliveries that are worked off at once; the others wait, durable.
const AT_ONCE: usize = 4;

/// The room of a process.
pub(crate) struct DeliverySlots {
    room: Arc<Semaphore>,
    /// Whose turn it is within a project; gone when nobody waits any more.
    turns: Mutex<HashMap<ProjectId, Weak<Semaphore>>>,
}

/// Room for one delivery, given back when dropped.
pub(crate) struct DeliverySlot {
    // The room first: whose turn comes next finds it free.
    _room: Option<OwnedSemaphorePermit>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Default for DeliverySlots {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), turns: Mutex::default() }
    }
}

impl DeliverySlots {
    /// Waits until it is the turn of this delivery within its project, and then for room: who waits for its turn holds
    /// no room.
    pub(crate) async fn take(&self, project: ProjectId) -> DeliverySlot {
        // Neither is ever closed, so there is always a permit in the end.
        let turn = self.turn(project).acquire_owned().await.ok();
        DeliverySlot { _room: Arc::clone(&self.room).acquire_owned().await.ok(), _turn: turn }
    }

    fn turn(&self, project: ProjectId) -> Arc<Semaphore> {
        // No change to the map leaves it half-made, so one that somebody panicked over is still good.
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&project).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Semaphore::new(1));
        turns.insert(project, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use vocab::SeededIds;

    use super::*;

    #[tokio::test]
    async fn one_delivery_of_a_project_at_a_time_and_a_few_of_all() {
        let (slots, ids) = (DeliverySlots::default(), SeededIds::default());
        let project = || ProjectId::generate(&ids);
        let slow = project();
        let held = slots.take(slow).await;
        assert!(slots.take(slow).now_or_never().is_none(), "its next delivery waits");
        let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(slots.take(slow))).collect();
        assert!(waiting.iter_mut().all(|next| next.now_or_never().is_none()));
        let others: Vec<_> = (1..AT_ONCE).filter_map(|_| slots.take(project()).now_or_never()).collect();
        assert_eq!(others.len(), AT_ONCE - 1, "whoever waits for its turn holds no room");
        assert!(slots.take(project()).now_or_never().is_none(), "the room is bounded");
        drop(held);
        let (first, rest) = waiting.split_first_mut().unwrap();
        let next = first.now_or_never();
        assert!(next.is_some(), "in the order of their arrival");
        assert!(rest.iter_mut().all(|next| next.now_or_never().is_none()));
    }

    #[tokio::test]
    async fn projects_without_deliveries_are_forgotten() {
        let (slots, ids) = (DeliverySlots::default(), SeededIds::default());
        for _ in 0..100 {
            drop(slots.take(ProjectId::generate(&ids)).await);
        }
        assert_eq!(slots.turns.lock().unwrap().len(), 1);
    }
}
