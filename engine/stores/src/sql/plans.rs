//! Plans, shared by digest among the runs of a tenant.

use engine_ports::StoreError;
use serde_json::Value as Json;
use vocab::{Digest, TenantName};

use super::cells::{Table, json};
use crate::dialect::sqlite::{Connection, Failure, Pool};

const TABLE: Table = Table { name: "plans", key: &["digest"] };

const KEEP: &str = "INSERT INTO plans (digest, tenant, plan) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
// Equal digests are equal plans, whoever's: any of the rows will do.
pub(super) const BY_DIGEST: &str = "SELECT digest, plan FROM plans WHERE digest = $1 LIMIT 1";

/// Keeps a plan, unless the tenant has it already.
pub(super) async fn keep(
    connection: &mut Connection,
    tenant: &TenantName,
    digest: &Digest,
    plan: &Json,
) -> Result<(), Failure> {
    sqlx::query(KEEP)
        .bind(digest.to_string())
        .bind(tenant.as_str())
        .bind(json(plan)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// The plan of that digest.
pub(super) async fn by_digest(pool: &Pool, digest: &Digest) -> Result<Json, Failure> {
    let row = sqlx::query(BY_DIGEST).bind(digest.to_string()).fetch_optional(pool).await?;
    let row = row.ok_or_else(|| StoreError::Missing(format!("plan {digest}")))?;
    Ok(TABLE.cells(&row).json("plan")?)
}
