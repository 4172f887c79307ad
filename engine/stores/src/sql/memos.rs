//! The cache of outputs. The first entry under a key stays.

use engine_ports::{MemoEntry, MemoKey, StoreError};

use super::cells::{Table, json};
use super::insert::{Insert, ROWS};
use crate::dialect::{Connection, Failure, Pool, Row, query};

const TABLE: Table = Table { name: "memos", key: &["tenant", "scope", "digest"] };

const KEEP: Insert = Insert {
    head: "INSERT INTO memos (tenant, scope, digest, outputs, run, path, at_ms, used_ms)",
    columns: 8,
    tail: "ON CONFLICT DO NOTHING",
};
pub(super) const FIND: &str = "SELECT tenant, scope, digest, outputs, run, path, at_ms, used_ms FROM memos \
     WHERE tenant = $1 AND scope = $2 AND digest = $3";
pub(super) const FORGET: &str = "DELETE FROM memos WHERE tenant = $1 AND scope = $2 AND digest = $3";

/// Keeps entries whose keys are free.
pub(super) async fn keep(connection: &mut Connection<'_>, memos: &[MemoEntry]) -> Result<(), Failure> {
    // In one order whoever writes them, so that two commits never wait for each other.
    let mut memos: Vec<_> = memos.iter().collect();
    memos.sort_by_key(|memo| &memo.key);
    for memos in memos.chunks(ROWS) {
        let mut query = query(KEEP.sql(memos.len(), connection));
        for memo in memos {
            query = query
                .bind(memo.key.tenant.as_str())
                .bind(&memo.key.scope)
                .bind(memo.key.digest.to_string())
                .bind(json(&memo.outputs)?)
                .bind(memo.run.to_string())
                .bind(memo.path.to_string())
                .bind(memo.at.as_millis())
                .bind(memo.used.as_millis());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The entry under a key.
pub(super) async fn find(pool: Pool<'_>, key: &MemoKey) -> Result<Option<MemoEntry>, Failure> {
    let row = query(FIND)
        .bind(key.tenant.as_str())
        .bind(&key.scope)
        .bind(key.digest.to_string())
        .fetch_optional(pool)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Removes the entry under a key, if there is one.
pub(super) async fn forget(connection: &mut Connection<'_>, key: &MemoKey) -> Result<(), Failure> {
    query(FORGET)
        .bind(key.tenant.as_str())
        .bind(&key.scope)
        .bind(key.digest.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<MemoEntry, StoreError> {
    let cells = TABLE.cells(row);
    Ok(MemoEntry {
        key: MemoKey {
            tenant: cells.parse("tenant")?,
            scope: cells.get("scope")?,
            digest: cells.parse("digest")?,
        },
        outputs: cells.json("outputs")?,
        run: cells.parse("run")?,
        path: cells.parse("path")?,
        at: cells.time("at_ms")?,
        used: cells.time("used_ms")?,
    })
}
