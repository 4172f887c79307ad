//! Deliveries that were accepted and not finished are continued: after a start, and after the store was away.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{DeliveryOutcome, StoreError};

use super::{Concluded, work_off};
use crate::factory::Factory;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(30);
/// Deliveries that are read from the store at once.
const PAGE: u32 = 200;

/// Works off the deliveries that nobody works on, again and again, until the server goes down.
pub(crate) async fn resume_pending(factory: Arc<Factory>) {
    while !factory.is_draining() {
        if let Err(error) = look(&factory).await {
            tracing::error!(%error, "pending deliveries cannot be read; another look follows");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = factory.closing() => return,
        }
    }
}

async fn look(factory: &Arc<Factory>) -> Result<(), StoreError> {
    let mut after = None;
    while !factory.under_way.is_full() {
        let page = factory.projects.pending(after.as_ref(), PAGE).await?;
        let whole = u32::try_from(page.len()).is_ok_and(|length| length >= PAGE);
        after = page.last().cloned();
        for delivery in page {
            let Some(claim) = factory.under_way.claim(delivery.project, &delivery.delivery) else { continue };
            // It may have been finished between the page and the claim.
            let row = factory.projects.delivery(delivery.project, &delivery.delivery).await?;
            if row.is_none_or(|row| row.outcome != DeliveryOutcome::Pending) {
                continue;
            }
            tracing::info!(delivery = delivery.delivery, "a delivery is continued");
            let factory = Arc::clone(factory);
            tokio::spawn(async move {
                let id = delivery.delivery.clone();
                if let Err(problem) | Ok(Concluded::Later(problem)) = work_off(factory, delivery, claim).await
                {
                    tracing::warn!(
                        delivery = id,
                        detail = problem.detail,
                        "a delivery could not be continued"
                    );
                }
            });
        }
        if !whole {
            break;
        }
    }
    Ok(())
}
