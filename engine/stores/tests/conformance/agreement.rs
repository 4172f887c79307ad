//! Random histories, sound and unsound, written to every kind of store: they agree about every answer and row.

use engine_ports::{Commit, LeaseChange, RunRow, StoreError};
use vocab::{RunStatus, StepStatus, TenantName, WorkerId};

use crate::Stores;
use crate::runs::everything;
use crate::sample::{Sample, advance, effect, lease, memo, path, step};

const SEEDS: u64 = 20;
const COMMITS: u64 = 60;

/// A small generator: the same seed gives the same history.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A commit near the truth: mostly at the right event, with tokens that are sometimes stale.
fn commit(dice: &mut Dice, row: &RunRow, workers: &[WorkerId]) -> Commit {
    let seq = if dice.roll(8) == 0 { dice.roll(row.seq + 2) } else { row.seq };
    let kinds = ["one", "two", "three"];
    let count = usize::try_from(dice.roll(4)).unwrap();
    let mut commit = advance(&RunRow { seq, ..row.clone() }, &kinds[..count]);
    let status = RunStatus::ALL[usize::try_from(dice.roll(8)).unwrap()];
    commit.run.status = status;
    for _ in 0..dice.roll(3) {
        let paths = ["build[2]", "build[10]", "push"];
        let text = paths[usize::try_from(dice.roll(3)).unwrap()];
        let mut row = step(row.id, text);
        row.status = StepStatus::ALL[usize::try_from(dice.roll(10)).unwrap()];
        row.position = u32::try_from(dice.roll(3)).unwrap();
        commit.steps.push(row);
        commit.effects.push(effect(
            commit.run.id,
            text,
            ["a", "b"][usize::try_from(dice.roll(2)).unwrap()],
            seq,
        ));
        let token = if dice.roll(2) == 0 { commit.run.seq } else { 1 + dice.roll(commit.run.seq + 1) };
        let worker = workers[usize::try_from(dice.roll(2)).unwrap()];
        commit.leases.push(if dice.roll(2) == 0 {
            LeaseChange::Grant(lease(commit.run.id, text, worker, token))
        } else {
            LeaseChange::Drop { path: path(text), token }
        });
    }
    if dice.roll(4) == 0 {
        commit.memos.push(memo(&row.tenant, "main", row.id, &seq.to_string()));
    }
    commit
}

fn answer(result: &Result<(), StoreError>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |()| "written".to_owned())
}

#[tokio::test]
async fn stores_agree_on_random_histories() {
    let mut written = 0;
    for seed in 0..SEEDS {
        let mut kinds = vec![("memory", Stores::memory()), ("sqlite", Stores::sqlite().await)];
        if let Some(stores) = Stores::postgres("stores_agree_on_random_histories").await {
            kinds.push(("postgres", stores));
        }
        let sample = Sample::default();
        let workers = [sample.worker(), sample.worker()];
        let new = sample.new_run(&TenantName::default_tenant());
        for (_, stores) in &kinds {
            stores.runs.create(new.clone()).await.unwrap();
        }
        let mut dice = Dice(seed);
        let mut row = new.commit.run;
        for turn in 0..COMMITS {
            let commit = commit(&mut dice, &row, &workers);
            let first = kinds[0].1.runs.commit(commit.clone()).await;
            for (kind, stores) in &kinds[1..] {
                let other = stores.runs.commit(commit.clone()).await;
                assert_eq!(answer(&first), answer(&other), "{kind}, seed {seed}, commit {turn}");
            }
            if first.is_ok() {
                row = commit.run;
                written += 1;
            }
        }
        let first = everything(&kinds[0].1, &row).await;
        for (kind, stores) in &kinds[1..] {
            assert_eq!(first, everything(stores, &row).await, "{kind}, seed {seed}");
        }
    }
    assert!(written > SEEDS * COMMITS / 4, "too few of the histories are sound: {written}");
}
