//! Projects and deliveries on SQLite.

use async_trait::async_trait;
use engine_ports::{
    Delivery, DeliveryOutcome, DeliveryRow, NewDelivery, Page, Project, ProjectStore, StoreError,
};
use migrations::Database;
use vocab::{Name, ProjectId, TenantName, Timestamp};

use super::{deliveries, projects, retention};
use crate::dialect::sqlite::Failure;

/// Projects in a database of [`migrations::Schema::Engine`].
#[derive(Clone)]
pub struct SqliteProjectStore {
    database: Database,
}

impl SqliteProjectStore {
    /// A store on an open database. The database stays its opener's to close.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    fn explain<T>(&self, result: Result<T, Failure>) -> Result<T, StoreError> {
        result.map_err(|failure| failure.explain(&self.database))
    }
}

#[async_trait]
impl ProjectStore for SqliteProjectStore {
    async fn add(&self, project: Project) -> Result<(), StoreError> {
        let job = self.database.write(move |c| Box::pin(async move { projects::insert(c, &project).await }));
        self.explain(job.await)
    }

    async fn update(&self, expected: &Project, project: Project) -> Result<(), StoreError> {
        let expected = expected.clone();
        let job = self
            .database
            .write(move |c| Box::pin(async move { projects::update(c, &expected, &project).await }));
        self.explain(job.await)
    }

    async fn remove(&self, tenant: &TenantName, name: &Name) -> Result<(), StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        let job = self.database.write(move |c| {
            Box::pin(async move {
                deliveries::clear(c, &tenant, &name).await?;
                projects::delete(c, &tenant, &name).await
            })
        });
        self.explain(job.await)
    }

    async fn by_name(&self, tenant: &TenantName, name: &Name) -> Result<Option<Project>, StoreError> {
        self.explain(projects::by_name(self.database.reads(), tenant, name).await)
    }

    async fn by_id(&self, project: ProjectId) -> Result<Option<Project>, StoreError> {
        self.explain(projects::by_id(self.database.reads(), project).await)
    }

    async fn list(
        &self,
        tenant: &TenantName,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<Page<Project>, StoreError> {
        self.explain(projects::list(self.database.reads(), tenant, after, limit).await)
    }

    async fn accept(&self, delivery: NewDelivery) -> Result<Delivery, StoreError> {
        let job =
            self.database.write(move |c| Box::pin(async move { deliveries::accept(c, &delivery).await }));
        self.explain(job.await)
    }

    async fn delivery(&self, project: ProjectId, delivery: &str) -> Result<Option<DeliveryRow>, StoreError> {
        self.explain(deliveries::find(self.database.reads(), project, delivery).await)
    }

    async fn conclude(
        &self,
        project: ProjectId,
        delivery: &str,
        outcome: DeliveryOutcome,
    ) -> Result<(), StoreError> {
        let delivery = delivery.to_owned();
        let job = self.database.write(move |c| {
            Box::pin(async move { deliveries::conclude(c, project, &delivery, &outcome).await })
        });
        self.explain(job.await)
    }

    async fn pending(&self, after: Option<&NewDelivery>, limit: u32) -> Result<Vec<NewDelivery>, StoreError> {
        self.explain(deliveries::pending(self.database.reads(), after, limit).await)
    }

    async fn pending_deliveries(&self) -> Result<u64, StoreError> {
        self.explain(deliveries::count_pending(self.database.reads()).await)
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let job = self
            .database
            .write(move |c| Box::pin(async move { retention::forget_deliveries(c, before, limit).await }));
        self.explain(job.await)
    }
}
