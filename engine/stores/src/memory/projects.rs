//! Projects and deliveries in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine_ports::{
    Delivery, DeliveryOutcome, DeliveryRow, NewDelivery, Page, Project, ProjectStore, StoreError,
};
use vocab::{Name, ProjectId, TenantName, Timestamp};

/// Projects in memory.
#[derive(Debug, Default)]
pub struct MemoryProjectStore {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    projects: BTreeMap<(TenantName, Name), Project>,
    deliveries: BTreeMap<(ProjectId, String), DeliveryRow>,
}

impl MemoryProjectStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Every change is checked before the first map is touched, so a panic elsewhere leaves no half of one.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn with_id(&self, project: ProjectId) -> Option<&Project> {
        self.projects.values().find(|row| row.id == project)
    }
}

fn exists(name: &Name) -> StoreError {
    StoreError::Exists(format!("project `{name}`"))
}

fn missing(name: &Name) -> StoreError {
    StoreError::Missing(format!("project `{name}`"))
}

fn changed(name: &Name) -> StoreError {
    StoreError::Conflict {
        what: format!("project `{name}`"),
        expected: "the settings that were read".to_owned(),
        found: "other ones".to_owned(),
    }
}

#[async_trait]
impl ProjectStore for MemoryProjectStore {
    async fn add(&self, project: Project) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let key = (project.tenant.clone(), project.name.clone());
        if rows.projects.contains_key(&key) || rows.with_id(project.id).is_some() {
            return Err(exists(&project.name));
        }
        rows.projects.insert(key, project);
        Ok(())
    }

    async fn update(&self, expected: &Project, project: Project) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let found = rows.with_id(project.id).filter(|row| row.tenant == project.tenant);
        let earlier = found.ok_or_else(|| missing(&project.name))?.clone();
        if earlier != *expected {
            return Err(changed(&earlier.name));
        }
        let key = (project.tenant.clone(), project.name.clone());
        if rows.projects.get(&key).is_some_and(|row| row.id != project.id) {
            return Err(exists(&project.name));
        }
        rows.projects.remove(&(earlier.tenant, earlier.name));
        rows.projects.insert(key, Project { created_at: earlier.created_at, ..project });
        Ok(())
    }

    async fn remove(&self, tenant: &TenantName, name: &Name) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let key = (tenant.clone(), name.clone());
        let project = rows.projects.remove(&key).ok_or_else(|| missing(name))?;
        rows.deliveries.retain(|(owner, _), _| *owner != project.id);
        Ok(())
    }

    async fn by_name(&self, tenant: &TenantName, name: &Name) -> Result<Option<Project>, StoreError> {
        Ok(self.rows().projects.get(&(tenant.clone(), name.clone())).cloned())
    }

    async fn by_id(&self, project: ProjectId) -> Result<Option<Project>, StoreError> {
        Ok(self.rows().with_id(project).cloned())
    }

    async fn list(
        &self,
        tenant: &TenantName,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<Page<Project>, StoreError> {
        let rows = self.rows();
        let mut matching = rows
            .projects
            .values()
            .filter(|row| row.tenant == *tenant && after.is_none_or(|after| row.name > *after));
        let items = matching.by_ref().take(limit as usize).cloned().collect();
        Ok(Page { items, more: matching.next().is_some() })
    }

    async fn accept(&self, delivery: NewDelivery) -> Result<Delivery, StoreError> {
        let mut rows = self.rows();
        if rows.with_id(delivery.project).is_none() {
            return Err(StoreError::Missing(format!("project {}", delivery.project)));
        }
        let key = (delivery.project, delivery.delivery.clone());
        if let Some(seen) = rows.deliveries.get(&key) {
            return Ok(Delivery::Seen(Box::new(seen.clone())));
        }
        rows.deliveries.insert(key, DeliveryRow { delivery, outcome: DeliveryOutcome::Pending });
        Ok(Delivery::New)
    }

    async fn delivery(&self, project: ProjectId, delivery: &str) -> Result<Option<DeliveryRow>, StoreError> {
        Ok(self.rows().deliveries.get(&(project, delivery.to_owned())).cloned())
    }

    async fn conclude(
        &self,
        project: ProjectId,
        delivery: &str,
        outcome: DeliveryOutcome,
    ) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let row = rows.deliveries.get_mut(&(project, delivery.to_owned()));
        let missing = || StoreError::Missing(format!("delivery `{delivery}` of project {project}"));
        row.ok_or_else(missing)?.outcome = outcome;
        Ok(())
    }

    async fn pending(&self, after: Option<&NewDelivery>, limit: u32) -> Result<Vec<NewDelivery>, StoreError> {
        let place = |row: &NewDelivery| (row.at, row.project, row.delivery.clone());
        let after = after.map(place);
        let rows = self.rows();
        let open = rows.deliveries.values().filter(|row| row.outcome == DeliveryOutcome::Pending);
        let mut pending: Vec<_> = open
            .map(|row| row.delivery.clone())
            .filter(|row| after.as_ref().is_none_or(|after| place(row) > *after))
            .collect();
        pending.sort_by_key(place);
        pending.truncate(limit as usize);
        Ok(pending)
    }

    async fn pending_deliveries(&self) -> Result<u64, StoreError> {
        let rows = self.rows();
        let open = rows.deliveries.values().filter(|row| row.outcome == DeliveryOutcome::Pending);
        Ok(open.count() as u64)
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut rows = self.rows();
        let concluded = rows.deliveries.iter().filter(|(_, row)| row.outcome != DeliveryOutcome::Pending);
        let old = concluded.filter(|(_, row)| row.delivery.at < before);
        let mut keys: Vec<_> = old.map(|(key, row)| (row.delivery.at, key.clone())).collect();
        keys.sort();
        keys.truncate(limit as usize);
        for (_, key) in &keys {
            rows.deliveries.remove(key);
        }
        Ok(keys.len() as u64)
    }
}
