//! Claims about the places of logs.

use engine_ports::{LogRecord, StoreError};
use vocab::{Digest, RunId, TenantName};

use crate::Stores;
use crate::sample::{Sample, log, name, path};

fn tenant() -> TenantName {
    TenantName::default_tenant()
}

async fn created(stores: &Stores, sample: &Sample) -> RunId {
    stores.runs.create(sample.new_run(&tenant())).await.unwrap()
}

pub(crate) async fn the_first_record_of_a_log_stays(stores: &Stores) {
    let run = created(stores, &Sample::default()).await;
    let first = log(&tenant(), run, "build", 1);
    stores.runs.keep_log(first.clone()).await.unwrap();
    let again = LogRecord { digest: Digest::of("other"), bytes: 0, ..first.clone() };
    stores.runs.keep_log(again).await.unwrap();
    assert_eq!(stores.runs.logs(run, &first.path).await.unwrap(), [first]);
}

pub(crate) async fn logs_come_by_attempt_and_belong_to_their_step(stores: &Stores) {
    let sample = Sample::default();
    let (run, other) = (created(stores, &sample).await, created(stores, &sample).await);
    let all = [
        log(&tenant(), run, "build[2]", 10),
        log(&tenant(), run, "build[2]", 2),
        log(&tenant(), run, "build[2]/inner", 1),
        log(&tenant(), other, "build[2]", 1),
    ];
    for log in all.clone() {
        stores.runs.keep_log(log).await.unwrap();
    }
    let [ten, two, inner, elsewhere] = all;
    assert_eq!(stores.runs.logs(run, &path("build[2]")).await.unwrap(), [two, ten]);
    assert_eq!(stores.runs.logs(run, &inner.path).await.unwrap(), [inner]);
    assert_eq!(stores.runs.logs(other, &path("build[2]")).await.unwrap(), [elsewhere]);
    assert_eq!(stores.runs.logs(run, &path("push")).await.unwrap(), []);
}

pub(crate) async fn a_log_needs_its_run(stores: &Stores) {
    let sample = Sample::default();
    let run = created(stores, &sample).await;
    let nobody = sample.new_run(&tenant()).commit.run.id;
    let mine = log(&tenant(), run, "build", 1);
    stores.runs.keep_log(mine.clone()).await.unwrap();
    for stray in
        [LogRecord { run: nobody, ..mine.clone() }, LogRecord { tenant: name("other"), ..mine.clone() }]
    {
        let error = stores.runs.keep_log(stray).await.unwrap_err();
        assert!(matches!(error, StoreError::Missing(_)), "{error}");
    }
    assert_eq!(stores.runs.logs(run, &mine.path).await.unwrap(), [mine]);
}
