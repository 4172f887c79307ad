//! When entries of the cache were used, and which were not for long.

use engine_ports::{MemoKey, StoreError};
use vocab::Timestamp;

use super::cells::Table;
use crate::dialect::{Connection, Failure, Pool, Row, query};

const TABLE: Table = Table { name: "memos", key: &["tenant", "scope", "digest"] };

pub(super) const USE: &str = "UPDATE memos SET used_ms = $4 \
     WHERE tenant = $1 AND scope = $2 AND digest = $3 AND used_ms < $4";
pub(super) const IDLE: &str = "SELECT tenant, scope, digest FROM memos WHERE used_ms < $1 \
     AND (tenant, scope, digest) > ($2, $3, $4) ORDER BY tenant, scope, digest LIMIT $5";

/// Notes that an entry was used; a moment before the one that is known changes nothing.
pub(super) async fn used(
    connection: &mut Connection<'_>,
    key: &MemoKey,
    at: Timestamp,
) -> Result<(), Failure> {
    query(USE)
        .bind(key.tenant.as_str())
        .bind(&key.scope)
        .bind(key.digest.to_string())
        .bind(at.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// Entries that were not used since `before`, by their keys, after `after`.
pub(super) async fn idle(
    pool: Pool<'_>,
    before: Timestamp,
    after: Option<&MemoKey>,
    limit: u32,
) -> Result<Vec<MemoKey>, Failure> {
    let rows = query(IDLE)
        .bind(before.as_millis())
        .bind(after.map_or("", |key| key.tenant.as_str()))
        .bind(after.map_or("", |key| key.scope.as_str()))
        .bind(after.map_or_else(String::new, |key| key.digest.to_string()))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    Ok(rows.iter().map(read).collect::<Result<_, StoreError>>()?)
}

fn read(row: &Row) -> Result<MemoKey, StoreError> {
    let cells = TABLE.cells(row);
    Ok(MemoKey { tenant: cells.parse("tenant")?, scope: cells.get("scope")?, digest: cells.parse("digest")? })
}
