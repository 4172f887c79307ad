//! Claims about claims: a run is driven by one process at a time, and never by none for ever.

use std::time::Duration;

use engine_ports::{Answer, Claim, Request, StoreError, Term};
use serde_json::json;
use vocab::{RunId, RunStatus, TenantName, WorkerId};

use crate::Stores;
use crate::runs::everything;
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

const fn claimed(worker: WorkerId, term: Term) -> Claim {
    Claim { worker, term }
}

pub(crate) async fn a_new_run_is_claimed_for_its_creator(stores: &Stores) {
    let sample = Sample::default();
    let (one, two) = (sample.worker(), sample.worker());
    let mut new = sample.new_run(&TenantName::default_tenant());
    new.commit.claim = Some(claimed(one, LONG));
    let run = stores.runs.create(new).await.unwrap();
    assert_eq!(stores.runs.claim(two, LONG, 1).await.unwrap(), []);
    assert_eq!(stores.runs.renew_claims(one, LONG).await.unwrap(), [run]);
}

pub(crate) async fn who_lost_a_run_writes_nothing_to_it(stores: &Stores) {
    let sample = Sample::default();
    let (old, new) = (sample.worker(), sample.worker());
    let mut first = sample.new_run(&TenantName::default_tenant());
    first.commit.claim = Some(claimed(old, OVER));
    let run = stores.runs.create(first.clone()).await.unwrap();
    // A claim that is over and that nobody took over is as good as any.
    let mut commit = advance(&first.commit.run, &["one"]);
    commit.claim = Some(claimed(old, OVER));
    stores.runs.commit(commit.clone()).await.unwrap();
    assert_eq!(stores.runs.claim(new, LONG, 1).await.unwrap(), [run]);
    let before = everything(stores, &commit.run).await;
    let mut late = advance(&commit.run, &["two"]);
    late.claim = Some(claimed(old, LONG));
    let error = stores.runs.commit(late.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
    assert_eq!(everything(stores, &commit.run).await, before);
    late.claim = Some(claimed(new, LONG));
    stores.runs.commit(late).await.unwrap();
    // Who gave it up has no right either.
    assert!(stores.runs.release_claim(new, run).await.unwrap());
    let mut later = advance(&stores.runs.run_any_tenant(run).await.unwrap().unwrap(), &["three"]);
    later.claim = Some(claimed(new, LONG));
    assert!(matches!(stores.runs.commit(later).await, Err(StoreError::Fenced(_))));
}

pub(crate) async fn one_run_is_claimed_when_it_is_free_or_ones_own(stores: &Stores) {
    let sample = Sample::default();
    let (one, two) = (sample.worker(), sample.worker());
    let runs = some_runs(stores, &sample, 1).await;
    let unknown = sample.new_run(&TenantName::default_tenant()).commit.run.id;
    assert!(!stores.runs.claim_run(one, LONG, unknown).await.unwrap());
    assert!(stores.runs.claim_run(one, LONG, runs[0]).await.unwrap());
    assert!(!stores.runs.claim_run(two, LONG, runs[0]).await.unwrap());
    // Again, and not for a shorter time.
    assert!(stores.runs.claim_run(one, OVER, runs[0]).await.unwrap());
    assert!(!stores.runs.claim_run(two, LONG, runs[0]).await.unwrap());
    assert!(stores.runs.release_claim(one, runs[0]).await.unwrap());
    assert!(stores.runs.claim_run(two, OVER, runs[0]).await.unwrap());
    assert!(stores.runs.claim_run(one, LONG, runs[0]).await.unwrap());
}

pub(crate) async fn a_request_waits_for_whoever_holds_the_run(stores: &Stores) {
    let sample = Sample::default();
    let (one, two) = (sample.worker(), sample.worker());
    let tenant = TenantName::default_tenant();
    let first = sample.new_run(&tenant);
    let run = stores.runs.create(first.clone()).await.unwrap();
    let request = || Request {
        id: sample.request(),
        run,
        tenant: tenant.clone(),
        asked_at: at(1000),
        ask: json!({ "cancel": null }),
    };
    let (ask, other) = (request(), request());
    for request in [&ask, &other, &ask] {
        stores.runs.post(request.clone()).await.unwrap();
    }
    let stranger = Request { tenant: "other".parse().unwrap(), ..request() };
    assert!(matches!(stores.runs.post(stranger).await, Err(StoreError::Missing(_))));
    assert_eq!(stores.runs.requests(one, 10).await.unwrap(), []);
    stores.runs.claim(one, OVER, 1).await.unwrap();
    assert_eq!(stores.runs.requests(one, 10).await.unwrap(), [ask.clone(), other.clone()]);
    assert_eq!(stores.runs.requests(one, 1).await.unwrap(), std::slice::from_ref(&ask));
    stores.runs.claim(two, LONG, 1).await.unwrap();
    assert_eq!(stores.runs.requests(one, 10).await.unwrap(), []);
    assert_eq!(stores.runs.take_answer(ask.id).await.unwrap(), None);

    // With the events that carry it out, and only with them.
    let mut late = advance(&first.commit.run, &["cancel_requested"]);
    late.claim = Some(claimed(one, LONG));
    late.answers = vec![Answer { request: ask.id, answer: json!("stale") }];
    assert!(matches!(stores.runs.commit(late.clone()).await, Err(StoreError::Fenced(_))));
    assert_eq!(stores.runs.take_answer(ask.id).await.unwrap(), None);
    late.claim = Some(claimed(two, LONG));
    late.answers = vec![Answer { request: ask.id, answer: json!({ "ok": null }) }];
    stores.runs.commit(late.clone()).await.unwrap();
    assert_eq!(stores.runs.requests(two, 10).await.unwrap(), std::slice::from_ref(&other));

    // A refusal changes nothing of the run.
    let mut refusal = advance(&late.run, &[]);
    refusal.claim = Some(claimed(two, LONG));
    refusal.answers = vec![Answer { request: other.id, answer: json!("refused") }];
    stores.runs.commit(refusal).await.unwrap();
    assert_eq!(stores.runs.requests(two, 10).await.unwrap(), []);

    assert_eq!(stores.runs.take_answer(ask.id).await.unwrap(), Some(json!({ "ok": null })));
    assert_eq!(stores.runs.take_answer(ask.id).await.unwrap(), None);
    assert_eq!(stores.runs.forget_answers(at(1000)).await.unwrap(), 0);
    assert_eq!(stores.runs.forget_answers(at(1001)).await.unwrap(), 1);
    assert_eq!(stores.runs.take_answer(other.id).await.unwrap(), None);
}

pub(crate) async fn requests_go_with_their_run(stores: &Stores) {
    let sample = Sample::default();
    let tenant = TenantName::default_tenant();
    let new = sample.new_run(&tenant);
    let run = stores.runs.create(new.clone()).await.unwrap();
    let id = sample.request();
    let request = Request { id, run, tenant, asked_at: at(1), ask: json!({}) };
    stores.runs.post(request).await.unwrap();
    let mut end = advance(&new.commit.run, &["run_finished"]);
    (end.run.status, end.run.finished_at) = (RunStatus::Succeeded, Some(at(1)));
    stores.runs.commit(end).await.unwrap();
    assert!(stores.runs.remove(run).await.unwrap());
    assert_eq!(stores.runs.take_answer(id).await.unwrap(), None);
}
