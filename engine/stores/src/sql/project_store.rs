//! Projects and deliveries.

use async_trait::async_trait;
use engine_ports::{
    Delivery, DeliveryOutcome, DeliveryRow, NewDelivery, Page, Project, ProjectStore, StoreError,
};
use vocab::{Name, ProjectId, TenantName, Timestamp};

use super::{deliveries, projects, retention};
use crate::dialect::SqlDatabase;

/// Projects on SQLite or PostgreSQL.
#[derive(Clone)]
pub struct SqlProjectStore {
    database: SqlDatabase,
}

impl SqlProjectStore {
    /// A store on an open database. The database stays its opener's to close.
    pub fn new(database: impl Into<SqlDatabase>) -> Self {
        Self { database: database.into() }
    }
}

#[async_trait]
impl ProjectStore for SqlProjectStore {
    async fn add(&self, project: Project) -> Result<(), StoreError> {
        let job = self
            .database
            .write(move |mut c| Box::pin(async move { projects::insert(&mut c, &project).await }));
        self.database.explain(job.await)
    }

    async fn update(&self, expected: &Project, project: Project) -> Result<(), StoreError> {
        let expected = expected.clone();
        let job = self
            .database
            .write(move |mut c| Box::pin(async move { projects::update(&mut c, &expected, &project).await }));
        self.database.explain(job.await)
    }

    async fn remove(&self, tenant: &TenantName, name: &Name) -> Result<(), StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        let job = self.database.write(move |mut c| {
            Box::pin(async move {
                projects::take(&mut c, &tenant, &name).await?;
                deliveries::clear(&mut c, &tenant, &name).await?;
                projects::delete(&mut c, &tenant, &name).await
            })
        });
        self.database.explain(job.await)
    }

    async fn by_name(&self, tenant: &TenantName, name: &Name) -> Result<Option<Project>, StoreError> {
        self.database.explain(projects::by_name(self.database.reads(), tenant, name).await)
    }

    async fn by_id(&self, project: ProjectId) -> Result<Option<Project>, StoreError> {
        self.database.explain(projects::by_id(self.database.reads(), project).await)
    }

    async fn list(
        &self,
        tenant: &TenantName,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<Page<Project>, StoreError> {
        self.database.explain(projects::list(self.database.reads(), tenant, after, limit).await)
    }

    async fn accept(&self, delivery: NewDelivery) -> Result<Delivery, StoreError> {
        let job = self
            .database
            .write(move |mut c| Box::pin(async move { deliveries::accept(&mut c, &delivery).await }));
        self.database.explain(job.await)
    }

    async fn delivery(&self, project: ProjectId, delivery: &str) -> Result<Option<DeliveryRow>, StoreError> {
        self.database.explain(deliveries::find(self.database.reads(), project, delivery).await)
    }

    async fn conclude(
        &self,
        project: ProjectId,
        delivery: &str,
        outcome: DeliveryOutcome,
    ) -> Result<(), StoreError> {
        let delivery = delivery.to_owned();
        let job = self.database.write(move |mut c| {
            Box::pin(async move { deliveries::conclude(&mut c, project, &delivery, &outcome).await })
        });
        self.database.explain(job.await)
    }

    async fn pending(&self, after: Option<&NewDelivery>, limit: u32) -> Result<Vec<NewDelivery>, StoreError> {
        self.database.explain(deliveries::pending(self.database.reads(), after, limit).await)
    }

    async fn pending_deliveries(&self) -> Result<u64, StoreError> {
        self.database.explain(deliveries::count_pending(self.database.reads()).await)
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let job = self.database.write(move |mut c| {
            Box::pin(async move { retention::forget_deliveries(&mut c, before, limit).await })
        });
        self.database.explain(job.await)
    }
}
