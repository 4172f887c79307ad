//! Rows of step instances, made from events.

use engine_ports::{RunRow, StepRow, StoreError};
use vocab::{RunId, Timestamp};

use super::cells::{Table, json};
use super::insert::{Insert, ROWS, last_of_each};
use crate::dialect::{Connection, Failure, Pool, Row, query};

const TABLE: Table = Table { name: "steps", key: &["run", "path"] };

const PUT: Insert = Insert {
    head: "INSERT INTO steps (run, path, tenant, position, action, status, attempts, cached, outputs, error, \
        ready_ms, started_ms, finished_ms)",
    columns: 13,
    tail: "ON CONFLICT (run, path) DO UPDATE SET position = excluded.position, action = excluded.action, \
        status = excluded.status, attempts = excluded.attempts, cached = excluded.cached, \
        outputs = excluded.outputs, error = excluded.error, ready_ms = excluded.ready_ms, \
        started_ms = excluded.started_ms, finished_ms = excluded.finished_ms",
};
pub(super) const OF_RUN: &str = "SELECT run, path, position, action, status, attempts, cached, outputs, error, \
     ready_ms, started_ms, finished_ms FROM steps WHERE run = $1";

/// Removes those of a run.
pub(super) async fn remove(connection: &mut Connection<'_>, run: RunId) -> Result<(), Failure> {
    query("DELETE FROM steps WHERE run = $1").bind(run.to_string()).execute(connection).await?;
    Ok(())
}

/// Writes the rows of steps that changed.
pub(super) async fn put(
    connection: &mut Connection<'_>,
    run: &RunRow,
    steps: &[StepRow],
) -> Result<(), Failure> {
    let id = run.id.to_string();
    let steps = last_of_each(steps, |step| &step.path);
    for steps in steps.chunks(ROWS) {
        let mut query = query(PUT.sql(steps.len(), connection));
        for step in steps {
            query = query
                .bind(&id)
                .bind(step.path.to_string())
                .bind(run.tenant.as_str())
                .bind(i64::from(step.position))
                .bind(&step.action)
                .bind(step.status.name())
                .bind(i64::from(step.attempts))
                .bind(i64::from(step.cached))
                .bind(json(&step.outputs)?)
                .bind(step.error.as_ref().map(json).transpose()?)
                .bind(step.ready_at.map(Timestamp::as_millis))
                .bind(step.started_at.map(Timestamp::as_millis))
                .bind(step.finished_at.map(Timestamp::as_millis));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The steps of a run, by position and path.
pub(super) async fn of_run(pool: Pool<'_>, run: RunId) -> Result<Vec<StepRow>, Failure> {
    let rows = query(OF_RUN).bind(run.to_string()).fetch_all(pool).await?;
    let mut steps = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    // Paths order by number (`a[2]` before `a[10]`), which their text does not.
    steps.sort_by(|a, b| (a.position, &a.path).cmp(&(b.position, &b.path)));
    Ok(steps)
}

fn read(row: &Row) -> Result<StepRow, StoreError> {
    let cells = TABLE.cells(row);
    Ok(StepRow {
        run: cells.parse("run")?,
        path: cells.parse("path")?,
        position: cells.number("position")?,
        action: cells.get("action")?,
        status: cells.parse("status")?,
        attempts: cells.number("attempts")?,
        cached: cells.flag("cached")?,
        outputs: cells.json("outputs")?,
        error: cells.some_json("error")?,
        ready_at: cells.some_time("ready_ms")?,
        started_at: cells.some_time("started_ms")?,
        finished_at: cells.some_time("finished_ms")?,
    })
}
