//! Events: appended in order, never changed.

use engine_ports::{EventRecord, RunRow, StoreError};
use vocab::RunId;

use super::cells::{Table, bigint, json};
use crate::dialect::sqlite::{Connection, Failure, Pool, Row};

const TABLE: Table = Table { name: "events", key: &["run", "seq"] };

const APPEND: &str =
    "INSERT INTO events (run, seq, tenant, at_ms, kind, v, payload) VALUES ($1, $2, $3, $4, $5, $6, $7)";
pub(super) const AFTER: &str = "SELECT run, seq, at_ms, kind, v, payload FROM events \
     WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// Appends the events of a run.
pub(super) async fn append(
    connection: &mut Connection,
    run: &RunRow,
    events: &[EventRecord],
) -> Result<(), Failure> {
    let id = run.id.to_string();
    for event in events {
        sqlx::query(APPEND)
            .bind(&id)
            .bind(bigint(event.seq)?)
            .bind(run.tenant.as_str())
            .bind(event.at.as_millis())
            .bind(&event.kind)
            .bind(i64::from(event.v))
            .bind(json(&event.payload)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Events after `after`, at most `limit`, in order.
pub(super) async fn after(
    pool: &Pool,
    run: RunId,
    after: u64,
    limit: u32,
) -> Result<Vec<EventRecord>, Failure> {
    let rows = sqlx::query(AFTER)
        .bind(run.to_string())
        .bind(bigint(after)?)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

fn read(row: &Row) -> Result<EventRecord, StoreError> {
    let cells = TABLE.cells(row);
    Ok(EventRecord {
        seq: cells.number("seq")?,
        at: cells.time("at_ms")?,
        kind: cells.get("kind")?,
        v: cells.number("v")?,
        payload: cells.json("payload")?,
    })
}
