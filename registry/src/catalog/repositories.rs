//! Repositories: made by the first thing that is put into them.

use sqlx::SqliteConnection;
use vocab::{TenantName, Timestamp};

use super::Catalog;
use crate::Error;
use crate::content::millis;
use crate::model::RepositoryName;

impl Catalog {
    /// Whether the repository is there.
    pub async fn holds(&self, repository: &RepositoryName) -> Result<bool, Error> {
        let found: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM repositories WHERE name = $1")
            .bind(repository.as_str())
            .fetch_one(self.database().reads())
            .await?;
        Ok(found > 0)
    }

    /// At most `count` repositories after the name `last`, sorted; of one tenant, or of all.
    pub async fn repositories(
        &self,
        tenant: Option<&TenantName>,
        count: u32,
        last: &str,
    ) -> Result<Vec<RepositoryName>, Error> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM repositories WHERE ($1 IS NULL OR tenant = $1) AND name > $2 ORDER BY name LIMIT $3",
        )
        .bind(tenant.map(TenantName::as_str))
        .bind(last)
        .bind(i64::from(count))
        .fetch_all(self.database().reads())
        .await?;
        names.into_iter().map(|name| name.parse().map_err(Error::Name)).collect()
    }
}

/// Makes the repository if it is not there.
pub(super) async fn ensure(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO repositories (name, tenant, created_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
    )
    .bind(repository.as_str())
    .bind(repository.tenant().as_str())
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}
