//! Claims about the cache of outputs.

use engine_ports::{MemoEntry, MemoKey};
use vocab::{Digest, TenantName};

use crate::Stores;
use crate::sample::{Sample, advance, at, memo, name};

/// Two entries for the same key, of which the first was committed before the second.
async fn two(stores: &Stores) -> (MemoEntry, MemoEntry) {
    let tenant = TenantName::default_tenant();
    let mut new = Sample::default().new_run(&tenant);
    let run = new.commit.run.id;
    let (first, second) = (memo(&tenant, "main", run, "first"), memo(&tenant, "main", run, "second"));
    new.commit.memos = vec![first.clone(), second.clone()];
    stores.runs.create(new.clone()).await.unwrap();
    let mut commit = advance(&new.commit.run, &["step_succeeded"]);
    commit.memos = vec![second.clone()];
    stores.runs.commit(commit).await.unwrap();
    (first, second)
}

pub(crate) async fn the_first_entry_of_a_key_stays(stores: &Stores) {
    let (first, _) = two(stores).await;
    assert_eq!(stores.runs.memo(&first.key).await.unwrap(), Some(first));
}

pub(crate) async fn entries_are_not_shared_between_tenants_and_scopes(stores: &Stores) {
    let (first, _) = two(stores).await;
    for key in [
        MemoKey { tenant: name("other"), ..first.key.clone() },
        MemoKey { scope: "protected".to_owned(), ..first.key.clone() },
        MemoKey { digest: Digest::of("other"), ..first.key.clone() },
    ] {
        assert_eq!(stores.runs.memo(&key).await.unwrap(), None);
    }
}

pub(crate) async fn a_forgotten_entry_is_gone(stores: &Stores) {
    let (first, _) = two(stores).await;
    stores.runs.forget_memo(&first.key).await.unwrap();
    assert_eq!(stores.runs.memo(&first.key).await.unwrap(), None);
    stores.runs.forget_memo(&first.key).await.unwrap();
}

pub(crate) async fn entries_that_nobody_uses_are_found(stores: &Stores) {
    let tenant = TenantName::default_tenant();
    let mut new = Sample::default().new_run(&tenant);
    let entry = |scope: &str, ms| MemoEntry {
        at: at(ms),
        used: at(ms),
        ..memo(&tenant, scope, new.commit.run.id, "outputs")
    };
    let [used, old, older] = [entry("a", 1000), entry("b", 1000), entry("c", 900)];
    new.commit.memos = vec![used.clone(), old.clone(), older.clone()];
    stores.runs.create(new).await.unwrap();
    let idle = async |before, after| stores.runs.idle_memos(at(before), after, 10).await.unwrap();
    assert_eq!(idle(900, None).await, []);
    assert_eq!(idle(1001, None).await, [used.key.clone(), old.key.clone(), older.key.clone()]);
    assert_eq!(idle(1001, Some(&used.key)).await, [old.key.clone(), older.key.clone()]);
    assert_eq!(stores.runs.idle_memos(at(1001), None, 1).await.unwrap(), std::slice::from_ref(&used.key));
    stores.runs.use_memo(&used.key, at(2000)).await.unwrap();
    stores.runs.use_memo(&used.key, at(500)).await.unwrap();
    let found = stores.runs.memo(&used.key).await.unwrap();
    assert_eq!(found, Some(MemoEntry { used: at(2000), ..used.clone() }));
    assert_eq!(idle(2000, None).await, [old.key.clone(), older.key.clone()], "uses only go forward");
    stores.runs.forget_memo(&old.key).await.unwrap();
    stores.runs.use_memo(&old.key, at(2000)).await.unwrap();
    assert_eq!(idle(9000, None).await, [used.key, older.key]);
}
