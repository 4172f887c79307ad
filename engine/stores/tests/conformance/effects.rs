//! Claims about the effect journal.

use serde_json::json;
use vocab::{EffectState, TenantName};

use crate::Stores;
use crate::sample::{Sample, advance, effect};

pub(crate) async fn effects_come_in_journal_order(stores: &Stores) {
    let sample = Sample::default();
    let mut new = sample.new_run(&TenantName::default_tenant());
    let run = new.commit.run.id;
    new.commit.effects = vec![
        effect(run, "push", "tag", 3),
        effect(run, "push", "blob", 1),
        effect(run, "build[1]", "tag", 2),
    ];
    stores.runs.create(new).await.unwrap();
    let effects = stores.runs.effects(run).await.unwrap();
    let keys: Vec<_> =
        effects.iter().map(|effect| format!("{}/{}", effect.key.path, effect.key.name)).collect();
    assert_eq!(keys, ["push/blob", "build[1]/tag", "push/tag"]);
}

pub(crate) async fn an_effect_is_written_over(stores: &Stores) {
    let mut new = Sample::default().new_run(&TenantName::default_tenant());
    let run = new.commit.run.id;
    let mut intended = effect(run, "push", "tag", 1);
    (intended.state, intended.handle) = (EffectState::Intended, None);
    new.commit.effects = vec![intended.clone()];
    stores.runs.create(new.clone()).await.unwrap();
    assert_eq!(stores.runs.effects(run).await.unwrap(), [intended]);
    let mut commit = advance(&new.commit.run, &["effect_made"]);
    let mut made = effect(run, "push", "tag", 1);
    (made.attempt, made.handle) = (2, Some(json!(null)));
    commit.effects = vec![made.clone()];
    stores.runs.commit(commit).await.unwrap();
    assert_eq!(stores.runs.effects(run).await.unwrap(), [made]);
}

pub(crate) async fn stuck_effects_are_counted_over_all_runs(stores: &Stores) {
    let sample = Sample::default();
    assert_eq!(stores.runs.stuck_effects().await.unwrap(), 0);
    let stuck = |run, path| {
        let mut stuck = effect(run, path, "tag", 1);
        stuck.state = EffectState::Stuck;
        stuck
    };
    let mut last = None;
    for tenant in ["default", "other"] {
        let mut new = sample.new_run(&tenant.parse().unwrap());
        let run = new.commit.run.id;
        new.commit.effects = vec![stuck(run, "push"), stuck(run, "build[1]"), effect(run, "sign", "tag", 2)];
        last = Some(new.commit.run.clone());
        stores.runs.create(new).await.unwrap();
    }
    assert_eq!(stores.runs.stuck_effects().await.unwrap(), 4);
    let row = last.unwrap();
    let mut commit = advance(&row, &["effect_undone"]);
    commit.effects = vec![effect(row.id, "push", "tag", 1)];
    stores.runs.commit(commit).await.unwrap();
    assert_eq!(stores.runs.stuck_effects().await.unwrap(), 3);
}
