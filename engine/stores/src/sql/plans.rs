//! Plans, shared by digest among the runs of a tenant.

use engine_ports::StoreError;
use serde_json::Value as Json;
use vocab::{Digest, TenantName};

use super::cells::{Table, json};
use crate::dialect::{Connection, Failure, Lock, Pool, query};

const TABLE: Table = Table { name: "plans", key: &["digest"] };

pub(super) const KNOWN: &str = "SELECT digest FROM plans WHERE digest = $1 AND tenant = $2";
// A plan that came in between is left as it is, and locked, so that it stays for the run that will name it.
const KEEP: &str = "INSERT INTO plans (digest, tenant, plan) VALUES ($1, $2, $3) \
     ON CONFLICT (digest, tenant) DO UPDATE SET plan = excluded.plan WHERE FALSE";
// Equal digests are equal plans, whoever's: any of the rows will do.
pub(super) const BY_DIGEST: &str = "SELECT digest, plan FROM plans WHERE digest = $1 LIMIT 1";

/// Keeps a plan, unless the tenant has it already; nobody removes it before the transaction ends.
pub(super) async fn keep(
    connection: &mut Connection<'_>,
    tenant: &TenantName,
    digest: &Digest,
    plan: &Json,
) -> Result<(), Failure> {
    let known = query(KNOWN).bind(digest.to_string()).bind(tenant.as_str()).locking(Lock::Share);
    if known.fetch_optional(&mut *connection).await?.is_some() {
        return Ok(());
    }
    query(KEEP).bind(digest.to_string()).bind(tenant.as_str()).bind(json(plan)?).execute(connection).await?;
    Ok(())
}

/// The plan of that digest.
pub(super) async fn by_digest(pool: Pool<'_>, digest: &Digest) -> Result<Json, Failure> {
    let row = query(BY_DIGEST).bind(digest.to_string()).fetch_optional(pool).await?;
    let row = row.ok_or_else(|| StoreError::Missing(format!("plan {digest}")))?;
    Ok(TABLE.cells(&row).json("plan")?)
}
