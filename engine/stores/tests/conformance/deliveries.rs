//! Claims about the deliveries of web hooks.

use engine_ports::{Delivery, DeliveryOutcome, DeliveryRow, NewDelivery, Project, StoreError};
use serde_json::json;
use vocab::{ProjectId, TenantName};

use crate::Stores;
use crate::sample::{Sample, at};

async fn registered(stores: &Stores, sample: &Sample, name: &str) -> Project {
    let project = sample.project(&TenantName::default_tenant(), name);
    stores.projects.add(project.clone()).await.unwrap();
    project
}

fn delivery(project: ProjectId, id: &str, millis: i64) -> NewDelivery {
    NewDelivery {
        project,
        delivery: id.to_owned(),
        event: "push".to_owned(),
        payload: json!({ "after": "c0ffee" }),
        at: at(millis),
    }
}

pub(crate) async fn a_redelivery_is_recognized(stores: &Stores) {
    let sample = Sample::default();
    let one = registered(stores, &sample, "one").await.id;
    let two = registered(stores, &sample, "two").await.id;
    let first = delivery(one, "1", 0);
    assert_eq!(stores.projects.accept(first.clone()).await.unwrap(), Delivery::New);
    let again = NewDelivery { payload: json!({}), at: at(5), ..first.clone() };
    let seen = DeliveryRow { delivery: first, outcome: DeliveryOutcome::Pending };
    assert_eq!(stores.projects.accept(again).await.unwrap(), Delivery::Seen(Box::new(seen)));
    assert_eq!(stores.projects.accept(delivery(two, "1", 0)).await.unwrap(), Delivery::New);
}

pub(crate) async fn a_redelivery_gets_the_first_answer(stores: &Stores) {
    let project = registered(stores, &Sample::default(), "one").await.id;
    let first = delivery(project, "1", 0);
    stores.projects.accept(first.clone()).await.unwrap();
    let outcome = DeliveryOutcome::Done { answer: json!({ "runs": ["x"] }), status: 202 };
    stores.projects.conclude(project, "1", outcome.clone()).await.unwrap();
    assert_eq!(stores.projects.pending(None, 10).await.unwrap(), []);
    let seen = DeliveryRow { delivery: first.clone(), outcome: outcome.clone() };
    assert_eq!(stores.projects.delivery(project, "1").await.unwrap(), Some(seen.clone()));
    assert_eq!(stores.projects.delivery(project, "2").await.unwrap(), None);
    assert_eq!(stores.projects.accept(first).await.unwrap(), Delivery::Seen(Box::new(seen)));
    let error = stores.projects.conclude(project, "2", outcome).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
}

pub(crate) async fn a_delivery_needs_its_project(stores: &Stores) {
    let nobody = Sample::default().project(&TenantName::default_tenant(), "nobody").id;
    let error = stores.projects.accept(delivery(nobody, "1", 0)).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
    assert_eq!(stores.projects.pending(None, 10).await.unwrap(), []);
}

pub(crate) async fn what_is_pending_comes_oldest_first(stores: &Stores) {
    let project = registered(stores, &Sample::default(), "one").await.id;
    for (id, millis) in [("a", 30), ("b", 10), ("c", 20), ("d", 10)] {
        stores.projects.accept(delivery(project, id, millis)).await.unwrap();
    }
    let ids = async |after: Option<NewDelivery>, limit| -> Vec<String> {
        let pending = stores.projects.pending(after.as_ref(), limit).await.unwrap();
        pending.into_iter().map(|delivery| delivery.delivery).collect()
    };
    assert_eq!(ids(None, 10).await, ["b", "d", "c", "a"]);
    assert_eq!(ids(None, 2).await, ["b", "d"]);
    assert_eq!(ids(Some(delivery(project, "b", 10)), 2).await, ["d", "c"]);
    assert_eq!(ids(Some(delivery(project, "d", 10)), 10).await, ["c", "a"]);
    assert_eq!(ids(Some(delivery(project, "a", 30)), 10).await, Vec::<String>::new());
}

pub(crate) async fn what_is_pending_is_counted_over_all_projects(stores: &Stores) {
    let sample = Sample::default();
    assert_eq!(stores.projects.pending_deliveries().await.unwrap(), 0);
    for name in ["one", "two"] {
        let project = registered(stores, &sample, name).await.id;
        for id in ["a", "b"] {
            stores.projects.accept(delivery(project, id, 0)).await.unwrap();
        }
        let outcome = DeliveryOutcome::Done { answer: json!({}), status: 200 };
        stores.projects.conclude(project, "a", outcome).await.unwrap();
    }
    assert_eq!(stores.projects.pending_deliveries().await.unwrap(), 2);
}

pub(crate) async fn a_removed_project_takes_its_deliveries_along(stores: &Stores) {
    let sample = Sample::default();
    let (gone, stays) =
        (registered(stores, &sample, "gone").await, registered(stores, &sample, "stays").await);
    for project in [&gone, &stays] {
        stores.projects.accept(delivery(project.id, "1", 0)).await.unwrap();
    }
    stores.projects.remove(&gone.tenant, &gone.name).await.unwrap();
    assert_eq!(stores.projects.pending(None, 10).await.unwrap(), [delivery(stays.id, "1", 0)]);
}
