//! Claims about claims: a run is driven by one process at a time, and never by none for ever.

use std::time::Duration;

use engine_ports::Term;
use vocab::{RunId, RunStatus, TenantName};

use crate::Stores;
use crate::sample::{Sample, advance, at};

const LONG: Term = Term { now: at(0), lasts: Duration::from_secs(3600) };
/// Over at once, whoever's clock counts.
const OVER: Term = Term { now: at(0), lasts: Duration::ZERO };

async fn some_runs(stores: &Stores, sample: &Sample, count: usize) -> Vec<RunId> {
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push(stores.runs.create(sample.new_run(&TenantName::default_tenant())).await.unwrap());
    }
    runs
}

pub(crate) async fn runs_are_claimed_once_and_oldest_first(stores: &Stores) {
    let sample = Sample::default();
    let (one, two) = (sample.worker(), sample.worker());
    let runs = some_runs(stores, &sample, 5).await;
    assert_eq!(stores.runs.claim(one, LONG, 2).await.unwrap(), runs[..2]);
    assert_eq!(stores.runs.claim(one, LONG, 1).await.unwrap(), runs[2..3]);
    assert_eq!(stores.runs.claim(two, LONG, 10).await.unwrap(), runs[3..]);
    for worker in [one, two] {
        assert_eq!(stores.runs.claim(worker, LONG, 10).await.unwrap(), []);
    }
    assert_eq!(stores.runs.renew_claims(one, LONG).await.unwrap(), runs[..3]);
    assert_eq!(stores.runs.renew_claims(two, LONG).await.unwrap(), runs[3..]);
}

pub(crate) async fn two_claimants_never_get_the_same_run(stores: &Stores) {
    let sample = Sample::default();
    let runs = some_runs(stores, &sample, 40).await;
    let workers = [(); 4].map(|()| sample.worker());
    let claims = |worker| async move {
        let mut mine = Vec::new();
        for _ in 0..40 {
            mine.extend(stores.runs.claim(worker, LONG, 3).await.unwrap());
        }
        mine
    };
    let [a, b, c, d] = workers;
    let (a, b, c, d) = tokio::join!(claims(a), claims(b), claims(c), claims(d));
    let mut all = [a, b, c, d].concat();
    all.sort();
    assert_eq!(all, runs);
}

pub(crate) async fn a_claim_that_is_over_is_taken_over(stores: &Stores) {
    let sample = Sample::default();
    let (old, new) = (sample.worker(), sample.worker());
    let runs = some_runs(stores, &sample, 2).await;
    assert_eq!(stores.runs.claim(old, OVER, 10).await.unwrap(), runs);
    assert_eq!(stores.runs.claim(new, LONG, 1).await.unwrap(), runs[..1]);
    // What nobody took goes on; what somebody took does not.
    assert_eq!(stores.runs.renew_claims(old, LONG).await.unwrap(), runs[1..]);
    assert_eq!(stores.runs.claim(new, LONG, 10).await.unwrap(), []);
    assert!(!stores.runs.release_claim(old, runs[0]).await.unwrap());
    assert_eq!(stores.runs.renew_claims(new, LONG).await.unwrap(), runs[..1]);
}

pub(crate) async fn a_late_renewal_does_not_shorten_a_claim(stores: &Stores) {
    let sample = Sample::default();
    let (one, two) = (sample.worker(), sample.worker());
    let runs = some_runs(stores, &sample, 1).await;
    stores.runs.claim(one, LONG, 1).await.unwrap();
    assert_eq!(stores.runs.renew_claims(one, OVER).await.unwrap(), runs);
    assert_eq!(stores.runs.claim(two, LONG, 1).await.unwrap(), []);
}

pub(crate) async fn a_claim_that_was_given_up_is_free(stores: &Stores) {
    let sample = Sample::default();
    let (one, two) = (sample.worker(), sample.worker());
    let runs = some_runs(stores, &sample, 1).await;
    stores.runs.claim(one, LONG, 1).await.unwrap();
    assert!(!stores.runs.release_claim(two, runs[0]).await.unwrap());
    assert!(stores.runs.release_claim(one, runs[0]).await.unwrap());
    assert!(!stores.runs.release_claim(one, runs[0]).await.unwrap());
    assert_eq!(stores.runs.renew_claims(one, LONG).await.unwrap(), []);
    assert_eq!(stores.runs.claim(two, LONG, 1).await.unwrap(), runs);
}

pub(crate) async fn a_finished_run_is_not_claimed_and_goes_with_its_claim(stores: &Stores) {
    let sample = Sample::default();
    let worker = sample.worker();
    let new = sample.new_run(&TenantName::default_tenant());
    let run = stores.runs.create(new.clone()).await.unwrap();
    assert_eq!(stores.runs.claim(worker, OVER, 1).await.unwrap(), [run]);
    let mut end = advance(&new.commit.run, &["run_finished"]);
    (end.run.status, end.run.finished_at) = (RunStatus::Succeeded, Some(at(1)));
    stores.runs.commit(end).await.unwrap();
    assert_eq!(stores.runs.claim(worker, LONG, 1).await.unwrap(), []);
    assert!(stores.runs.remove(run).await.unwrap());
    assert_eq!(stores.runs.renew_claims(worker, LONG).await.unwrap(), []);
}
