//! Two processes on one server: each has a pool of its own, and they meet only in the rows.

use engine_ports::{LeaseChange, RunStore, StoreError};
use engine_stores::{SqlProjectStore, SqlRunStore, SqlTokenStore};
use migrations::{PgDatabase, PgOptions};
use vocab::{Digest, RunStatus, TenantName};

use crate::sample::{Sample, advance, at, grant, lease, memo};

const ROUNDS: u64 = 30;

/// The same database, opened twice. `None` where there is no PostgreSQL.
async fn two(test: &str) -> Option<[PgDatabase; 2]> {
    let address = test_parts::postgres(test)?.database();
    // At once, so that they race for the migrations as well.
    let open = || PgDatabase::open(&address, PgOptions::default());
    let (one, two) = tokio::join!(open(), open());
    Some([one.unwrap(), two.unwrap()])
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_commit_the_same_run_one_wins() {
    let Some(databases) = two("of_two_processes_that_commit_the_same_run_one_wins").await else { return };
    let [one, two] = databases.map(SqlRunStore::new);
    let sample = Sample::default();
    let new = sample.new_run(&TenantName::default_tenant());
    one.create(new.clone()).await.unwrap();
    let mut row = new.commit.run;
    for round in 0..ROUNDS {
        let commits = [advance(&row, &["one"]), advance(&row, &["two", "more"])];
        let [first, second] = commits.clone();
        let (a, b) = (one.clone(), two.clone());
        let (a, b) = tokio::join!(
            tokio::spawn(async move { a.commit(first).await }),
            tokio::spawn(async move { b.commit(second).await })
        );
        let (won, lost) = match (a.unwrap(), b.unwrap()) {
            (Ok(()), Err(lost)) => (0, lost),
            (Err(lost), Ok(())) => (1, lost),
            other => panic!("round {round}: {other:?}"),
        };
        assert!(matches!(lost, StoreError::Conflict { .. }), "round {round}: {lost}");
        let [first, second] = commits;
        row = if won == 0 { first.run } else { second.run };
    }
    let events = two.events(row.id, 0, 1000).await.unwrap();
    let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=row.seq).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_the_same_delivery_start_one_run() {
    let Some(databases) = two("two_processes_with_the_same_delivery_start_one_run").await else { return };
    let stores = databases.map(SqlRunStore::new);
    let sample = Sample::default();
    for round in 0..ROUNDS {
        let delivery = format!("delivery-{round}");
        let news = [(); 4].map(|()| {
            let mut new = sample.new_run(&TenantName::default_tenant());
            new.commit.run.project = None;
            new.origin = Some((delivery.clone(), "a.yaml".to_owned()));
            new
        });
        let mut tasks = Vec::new();
        for (number, new) in news.into_iter().enumerate() {
            let store = stores[number % 2].clone();
            tasks.push(tokio::spawn(async move { store.create(new).await }));
        }
        let mut ids = Vec::new();
        for task in tasks {
            ids.push(task.await.unwrap().unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "round {round}");
    }
    assert_eq!(stores[0].unfinished().await.unwrap().len() as u64, ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_and_commits_never_wait_for_each_other_in_a_ring() {
    let Some(databases) = two("renewals_and_commits_never_wait_for_each_other_in_a_ring").await else {
        return;
    };
    let [one, two] = databases.map(SqlRunStore::new);
    let sample = Sample::default();
    let worker = sample.worker();
    let paths = ["d", "b", "a", "c"];
    let mut new = sample.new_run(&TenantName::default_tenant());
    let run = new.commit.run.id;
    new.commit.leases = paths.iter().map(|path| grant(run, path, worker, 1)).collect();
    one.create(new.clone()).await.unwrap();
    let other = sample.new_run(&TenantName::default_tenant());
    one.create(other.clone()).await.unwrap();
    let renewals = tokio::spawn(async move {
        for round in 0..5 * ROUNDS {
            let until = at(60_000 + i64::try_from(round).unwrap());
            assert_eq!(two.renew(worker, until).await.unwrap().len(), paths.len());
        }
        two
    });
    let (mut row, mut other) = (new.commit.run, other.commit.run);
    for round in 0..ROUNDS {
        let mut commit = advance(&row, &["progress"]);
        commit.leases = paths.iter().map(|path| LeaseChange::Grant(lease(run, path, worker, 1))).collect();
        let scopes = ["x", "y", "z"].map(|scope| format!("{scope}{round}"));
        commit.memos = scopes.iter().map(|scope| memo(&row.tenant, scope, row.id, "first")).collect();
        let mut backwards = advance(&other, &["progress"]);
        backwards.memos =
            scopes.iter().rev().map(|scope| memo(&row.tenant, scope, other.id, "second")).collect();
        (row, other) = (commit.run.clone(), backwards.run.clone());
        let (a, b) = tokio::join!(one.commit(commit), one.commit(backwards));
        a.unwrap();
        b.unwrap();
    }
    let two = renewals.await.unwrap();
    assert_eq!(two.leases().await.unwrap().len(), paths.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_stays_for_the_run_that_is_being_created() {
    let Some(databases) = two("a_plan_stays_for_the_run_that_is_being_created").await else { return };
    let [one, two] = databases.map(SqlRunStore::new);
    let sample = Sample::default();
    for round in 0..ROUNDS {
        let mut old = sample.new_run(&TenantName::default_tenant());
        old.commit.run.plan = Digest::of(format!("plan {round}"));
        (old.commit.run.status, old.commit.run.finished_at) = (RunStatus::Succeeded, Some(at(1)));
        let mut new = sample.new_run(&TenantName::default_tenant());
        new.commit.run.plan = old.commit.run.plan.clone();
        let gone = one.create(old).await.unwrap();
        let (a, b) = (one.clone(), two.clone());
        let plan = new.commit.run.plan.clone();
        let (created, removed) = tokio::join!(
            tokio::spawn(async move { a.create(new).await }),
            tokio::spawn(async move { b.remove(gone).await })
        );
        created.unwrap().unwrap();
        assert!(removed.unwrap().unwrap(), "round {round}");
        one.plan(&plan).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_replace_a_users_tokens_one_is_left() {
    use engine_ports::{Token, TokenStore as _};
    let Some(databases) = two("of_two_processes_that_replace_a_users_tokens_one_is_left").await else {
        return;
    };
    let stores = databases.map(SqlTokenStore::new);
    let token = |hash: String| Token {
        hash,
        user: "admin".to_owned(),
        tenant: TenantName::default_tenant(),
        created_at: at(0),
    };
    for round in 0..ROUNDS {
        let hashes = [format!("{round}-a"), format!("{round}-b")];
        let [a, b] = hashes.clone().map(token);
        let (a, b) = tokio::join!(stores[0].replace_tokens(a), stores[1].replace_tokens(b));
        a.unwrap();
        b.unwrap();
        let mut left = 0;
        for hash in &hashes {
            left += usize::from(stores[0].token(hash).await.unwrap().is_some());
        }
        assert_eq!(left, 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_meets_the_removal_of_its_project_whole_or_not_at_all() {
    use engine_ports::{NewDelivery, ProjectStore as _};
    let test = "a_delivery_meets_the_removal_of_its_project_whole_or_not_at_all";
    let Some(databases) = two(test).await else { return };
    let stores = databases.map(SqlProjectStore::new);
    let sample = Sample::default();
    for _ in 0..ROUNDS {
        let project = sample.project(&TenantName::default_tenant(), "one");
        stores[0].add(project.clone()).await.unwrap();
        let delivery = NewDelivery {
            project: project.id,
            delivery: "1".to_owned(),
            event: "push".to_owned(),
            payload: serde_json::json!({}),
            at: at(0),
        };
        let (accepted, removed) =
            tokio::join!(stores[0].accept(delivery), stores[1].remove(&project.tenant, &project.name));
        removed.unwrap();
        assert!(matches!(accepted, Ok(_) | Err(StoreError::Missing(_))), "{accepted:?}");
    }
    assert_eq!(stores[0].pending_deliveries().await.unwrap(), 0);
}
