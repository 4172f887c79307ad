//! Events: appended in order, never changed.

use engine_ports::{EventRecord, RunRow, StoreError};
use vocab::RunId;

use super::cells::{Table, bigint, json};
use super::insert::{Insert, ROWS};
use crate::dialect::{Connection, Failure, Pool, Row, query};

const TABLE: Table = Table { name: "events", key: &["run", "seq"] };

const APPEND: Insert =
    Insert { head: "INSERT INTO events (run, seq, tenant, at_ms, kind, v, payload)", columns: 7, tail: "" };
pub(super) const AFTER: &str = "SELECT run, seq, at_ms, kind, v, payload FROM events \
     WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// Appends the events of a run.
pub(super) async fn append(
    connection: &mut Connection<'_>,
    run: &RunRow,
    events: &[EventRecord],
) -> Result<(), Failure> {
    let id = run.id.to_string();
    for events in events.chunks(ROWS) {
        let mut query = query(APPEND.sql(events.len(), connection));
        for event in events {
            query = query
                .bind(&id)
                .bind(bigint(event.seq)?)
                .bind(run.tenant.as_str())
                .bind(event.at.as_millis())
                .bind(&event.kind)
                .bind(i64::from(event.v))
                .bind(json(&event.payload)?);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Events after `after`, at most `limit`, in order.
pub(super) async fn after(
    pool: Pool<'_>,
    run: RunId,
    after: u64,
    limit: u32,
) -> Result<Vec<EventRecord>, Failure> {
    let rows = query(AFTER)
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
