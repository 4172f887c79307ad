//! Claims about projects.

use engine_ports::{Project, StoreError};
use vocab::TenantName;

use crate::Stores;
use crate::sample::{Sample, at, name};

fn tenant() -> TenantName {
    TenantName::default_tenant()
}

pub(crate) async fn a_name_is_taken_once_in_a_tenant(stores: &Stores) {
    let sample = Sample::default();
    let project = sample.project(&tenant(), "debian");
    stores.projects.add(project.clone()).await.unwrap();
    let error = stores.projects.add(sample.project(&tenant(), "debian")).await.unwrap_err();
    assert!(matches!(error, StoreError::Exists(_)), "{error}");
    stores.projects.add(sample.project(&name("other"), "debian")).await.unwrap();
    let same_id = Project { name: name("another"), ..project.clone() };
    assert!(matches!(stores.projects.add(same_id).await, Err(StoreError::Exists(_))));
    assert_eq!(stores.projects.by_name(&tenant(), &project.name).await.unwrap(), Some(project.clone()));
    assert_eq!(stores.projects.by_id(project.id).await.unwrap(), Some(project));
}

pub(crate) async fn a_projects_settings_are_replaced(stores: &Stores) {
    let sample = Sample::default();
    let project = sample.project(&tenant(), "debian");
    let neighbour = sample.project(&tenant(), "fedora");
    stores.projects.add(project.clone()).await.unwrap();
    stores.projects.add(neighbour.clone()).await.unwrap();
    let changed = Project {
        name: name("debian-golden"),
        url: "file:///srv/debian.git".to_owned(),
        credentials_secret: None,
        trust_host: false,
        sealed_secret: Vec::new(),
        created_at: at(99),
        ..project.clone()
    };
    stores.projects.update(&project, changed.clone()).await.unwrap();
    let expected = Project { created_at: project.created_at, ..changed.clone() };
    assert_eq!(stores.projects.by_id(project.id).await.unwrap(), Some(expected.clone()));
    assert_eq!(stores.projects.by_name(&tenant(), &project.name).await.unwrap(), None);
    let onto = Project { name: neighbour.name.clone(), ..changed };
    assert!(matches!(stores.projects.update(&expected, onto).await, Err(StoreError::Exists(_))));
    assert_eq!(stores.projects.by_id(neighbour.id).await.unwrap(), Some(neighbour));
}

pub(crate) async fn of_two_changes_of_a_project_none_is_lost(stores: &Stores) {
    let sample = Sample::default();
    let project = Project { trust_host: true, ..sample.project(&tenant(), "debian") };
    stores.projects.add(project.clone()).await.unwrap();
    let distrusted = Project { trust_host: false, ..project.clone() };
    stores.projects.update(&project, distrusted.clone()).await.unwrap();
    let settings = [
        Project { url: "file:///srv/moved.git".to_owned(), ..project.clone() },
        Project { credentials_secret: None, ..project.clone() },
        Project { sealed_secret: vec![7], ..project.clone() },
    ];
    for change in settings {
        let late = stores.projects.update(&project, change).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert_eq!(stores.projects.by_id(project.id).await.unwrap(), Some(distrusted.clone()));
    }
    let open = Project { credentials_secret: None, ..distrusted.clone() };
    stores.projects.update(&distrusted, open.clone()).await.unwrap();
    let late = stores.projects.update(&distrusted, project).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    assert_eq!(stores.projects.by_id(open.id).await.unwrap(), Some(open));
}

pub(crate) async fn only_its_tenant_changes_a_project(stores: &Stores) {
    let sample = Sample::default();
    let project = sample.project(&tenant(), "debian");
    stores.projects.add(project.clone()).await.unwrap();
    let stolen = Project { tenant: name("other"), ..project.clone() };
    assert!(matches!(stores.projects.update(&project, stolen).await, Err(StoreError::Missing(_))));
    let removed = stores.projects.remove(&name("other"), &project.name).await;
    assert!(matches!(removed, Err(StoreError::Missing(_))));
    assert_eq!(stores.projects.by_name(&name("other"), &project.name).await.unwrap(), None);
    assert_eq!(stores.projects.by_id(project.id).await.unwrap(), Some(project));
}

pub(crate) async fn a_removed_project_leaves_its_name(stores: &Stores) {
    let sample = Sample::default();
    let project = sample.project(&tenant(), "debian");
    stores.projects.add(project.clone()).await.unwrap();
    stores.projects.remove(&tenant(), &project.name).await.unwrap();
    assert_eq!(stores.projects.by_id(project.id).await.unwrap(), None);
    assert!(matches!(stores.projects.remove(&tenant(), &project.name).await, Err(StoreError::Missing(_))));
    stores.projects.add(sample.project(&tenant(), "debian")).await.unwrap();
}

pub(crate) async fn pages_walk_every_project_once(stores: &Stores) {
    let sample = Sample::default();
    for text in ["c", "a", "e", "b", "d"] {
        stores.projects.add(sample.project(&tenant(), text)).await.unwrap();
        stores.projects.add(sample.project(&name("other"), text)).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = stores.projects.list(&tenant(), after.as_ref(), 2).await.unwrap();
        seen.extend(page.items.into_iter().map(|project| project.name));
        if !page.more {
            break;
        }
        after = seen.last().cloned();
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"].map(name));
}
