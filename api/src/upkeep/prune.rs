//! Removes runs and deliveries that the policy lets go. Each run is a transaction of its own.
//!
//! The rows go first; then what the run held and its files. A crash in between leaves holds and files of a run that is
//! gone, and both are looked for: by the next round, and by the engine.

use engine_ports::{FinishedRun, HoldOwner};
use engine_runtime::Logs;
use tokio_util::sync::CancellationToken;
use vocab::{RunId, Timestamp};

use super::Policy;
use super::round::{Upkeep, UpkeepError};

/// Runs looked at, and deliveries removed, at once.
const PAGE: u32 = 200;

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    pub(super) runs: u64,
    pub(super) deliveries: u64,
}

/// Removes what is old at `now`, until nothing is left of it or `stop`.
pub(super) async fn prune(
    upkeep: &Upkeep,
    policy: Policy,
    now: Timestamp,
    stop: &CancellationToken,
) -> Result<Pruned, UpkeepError> {
    let mut pruned = Pruned::default();
    let mut after = None;
    loop {
        let page = upkeep.runs.finished(policy.candidates(now, after), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.finished_at, last.id));
        for FinishedRun { id, .. } in page.into_iter().filter(|run| policy.lets_go(run, now)) {
            if stop.is_cancelled() {
                return Ok(pruned);
            }
            // The store has the last word: an effect may have come in meanwhile.
            if upkeep.runs.remove(id).await? {
                pruned.runs += 1;
                upkeep.registry.content().release(&HoldOwner::Run(id).to_string()).await?;
                remove_files(&upkeep.logs, id).await;
            }
        }
    }
    loop {
        let gone = upkeep.projects.forget_deliveries(policy.old_before(now), PAGE).await?;
        pruned.deliveries += gone;
        if gone < u64::from(PAGE) || stop.is_cancelled() {
            return Ok(pruned);
        }
    }
}

async fn remove_files(logs: &Logs, run: RunId) {
    let logs = logs.clone();
    let removed = tokio::task::spawn_blocking(move || logs.remove(run)).await;
    if let Err(error) = removed.unwrap_or_else(|panic| Err(std::io::Error::other(panic))) {
        tracing::warn!(%run, %error, "files of logs of a removed run are left behind for now");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine_ports::{Delivery, DeliveryOutcome, LogStream, NewDelivery, RunFilter, StepLog as _};
    use engine_runtime::LogName;
    use serde_json::json;
    use vocab::{Clock as _, EffectState, Name, ProjectId, RunStatus, TenantName};

    use super::super::world::World;
    use super::*;
    use crate::config::RetentionConfig;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn policy(runs_per_workflow_min: u64) -> Policy {
        Policy::of(&RetentionConfig { runs_days: 90, runs_per_workflow_min, cache_days: 30 }).unwrap()
    }

    impl World {
        async fn prune(&self, policy: Policy) -> Pruned {
            prune(&self.upkeep, policy, self.clock.now(), &CancellationToken::new()).await.unwrap()
        }

        async fn listed(&self) -> Vec<RunId> {
            let tenant = TenantName::default_tenant();
            let page = self.upkeep.runs.runs(&tenant, RunFilter::default(), 100).await.unwrap();
            page.items.iter().map(|row| row.id).collect()
        }
    }

    #[tokio::test]
    async fn content_of_a_run_goes_when_the_run_went_and_the_grace_is_over() {
        let world = World::new().await;
        let content = world.upkeep.registry.content();
        let run = world.run(RunStatus::Succeeded, &[EffectState::Released]).await;
        let blob = content.put_bytes("abc".into()).await.unwrap().digest;
        content.hold(&format!("run:{run}"), std::slice::from_ref(&blob)).await.unwrap();
        let path = "a".parse().unwrap();
        let log = world.upkeep.logs.write(LogName::Undo { run, path, effect: "tag".into() });
        log.line(LogStream::Stdout, "undone");
        drop(log);
        let grace = DAY;
        world.clock.advance(90 * DAY);
        assert_eq!(world.prune(policy(0)).await, Pruned::default());
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.prune(policy(0)).await, Pruned { runs: 1, deliveries: 0 });
        assert_eq!(world.listed().await, []);
        assert_eq!(content.owners("").await.unwrap(), []);
        assert_eq!(std::fs::read_dir(world.folder.path().join("logs")).unwrap().count(), 0);
        let swept = world.upkeep.registry.sweep(world.clock.now(), grace).await.unwrap();
        assert_eq!((swept.files, content.exists(&blob).await.unwrap()), (0, true), "its grace begins now");
        world.clock.advance(grace);
        let swept = world.upkeep.registry.sweep(world.clock.now(), grace).await.unwrap();
        assert_eq!((swept.files, content.exists(&blob).await.unwrap()), (1, false));
    }

    #[tokio::test]
    async fn what_a_person_must_see_and_the_last_of_each_workflow_stay() {
        let world = World::new().await;
        let stuck = world.run(RunStatus::Failed, &[EffectState::Undone, EffectState::Stuck]).await;
        let made = world.run(RunStatus::Cancelled, &[EffectState::Made]).await;
        let mut runs = Vec::new();
        for _ in 0..PAGE + 5 {
            runs.push(world.run(RunStatus::Succeeded, &[]).await);
        }
        let goes_on = world.run(RunStatus::Running, &[]).await;
        world.clock.advance(100 * DAY);
        // The one that goes on is the newest of them.
        assert_eq!(world.prune(policy(3)).await.runs, u64::from(PAGE) + 3);
        let mut expected = vec![stuck, made];
        expected.extend(&runs[runs.len() - 2..]);
        expected.push(goes_on);
        expected.reverse();
        assert_eq!(world.listed().await, expected);
        assert_eq!(world.prune(policy(3)).await, Pruned::default());
    }

    #[tokio::test]
    async fn a_round_that_is_stopped_removes_nothing_more() {
        let world = World::new().await;
        let run = world.run(RunStatus::Succeeded, &[]).await;
        world.clock.advance(100 * DAY);
        let stop = CancellationToken::new();
        stop.cancel();
        let pruned = prune(&world.upkeep, policy(0), world.clock.now(), &stop).await.unwrap();
        assert_eq!((pruned, world.listed().await), (Pruned::default(), vec![run]));
    }

    #[tokio::test]
    async fn deliveries_go_at_the_same_age_once_they_are_concluded() {
        let world = World::new().await;
        let projects = &world.upkeep.projects;
        let project = engine_ports::Project {
            id: ProjectId::generate(&*world.ids),
            tenant: TenantName::default_tenant(),
            name: "app".parse::<Name>().unwrap(),
            url: "https://git.example/app.git".to_owned(),
            credentials_secret: None,
            trust_host: false,
            sealed_secret: Vec::new(),
            created_at: world.clock.now(),
        };
        projects.add(project.clone()).await.unwrap();
        for number in 0..=PAGE {
            let (delivery, at) = (number.to_string(), world.clock.now());
            let (event, payload) = ("push".to_owned(), json!({}));
            let new = NewDelivery { project: project.id, delivery: delivery.clone(), event, payload, at };
            assert_eq!(projects.accept(new).await.unwrap(), Delivery::New);
            if number > 0 {
                let outcome = DeliveryOutcome::Done { answer: json!({}), status: 202 };
                projects.conclude(project.id, &delivery, outcome).await.unwrap();
            }
        }
        world.clock.advance(91 * DAY);
        assert_eq!(world.prune(policy(20)).await.deliveries, u64::from(PAGE));
        assert_eq!(projects.pending(None, 10).await.unwrap().len(), 1);
        assert_eq!(projects.delivery(project.id, "1").await.unwrap(), None);
    }
}
