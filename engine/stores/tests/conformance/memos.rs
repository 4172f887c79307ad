//! Claims about the cache of outputs.

use engine_ports::{MemoEntry, MemoKey};
use vocab::{Digest, TenantName};

use crate::Stores;
use crate::sample::{Sample, advance, memo, name};

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
