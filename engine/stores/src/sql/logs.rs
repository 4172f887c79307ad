//! Where the logs of attempts lie that have ended. The first record of an attempt stays.

use engine_ports::{LogRecord, StoreError};
use vocab::{RunId, StepPath};

use super::cells::{Table, bigint};
use crate::commit::no_run;
use crate::dialect::{Connection, Failure, Pool, Row, query};

const TABLE: Table = Table { name: "attempt_logs", key: &["run", "path", "attempt"] };

// Out of the run's row, so that nothing is kept for a run that was removed meanwhile, or in another tenant's name.
pub(super) const KEEP: &str = "INSERT INTO attempt_logs (run, path, attempt, tenant, digest, stored_bytes, bytes) \
     SELECT run, $2, $3, tenant, $5, $6, $7 FROM runs WHERE run = $1 AND tenant = $4 ON CONFLICT DO NOTHING";
pub(super) const FIND: &str =
    "SELECT run FROM attempt_logs WHERE run = $1 AND path = $2 AND attempt = $3 AND tenant = $4";
pub(super) const OF_STEP: &str = "SELECT run, path, attempt, tenant, digest, stored_bytes, bytes \
     FROM attempt_logs WHERE run = $1 AND path = $2 ORDER BY attempt";

/// Adds a record. `Missing` when the tenant has no such run.
pub(super) async fn keep(connection: &mut Connection<'_>, log: &LogRecord) -> Result<(), Failure> {
    let done = query(KEEP)
        .bind(log.run.to_string())
        .bind(log.path.to_string())
        .bind(i64::from(log.attempt))
        .bind(log.tenant.as_str())
        .bind(log.digest.to_string())
        .bind(bigint(log.stored_bytes)?)
        .bind(bigint(log.bytes)?)
        .execute(&mut *connection)
        .await
        .map_err(
            |error| if Failure::is_dangling(&error) { no_run(log.run).into() } else { Failure::from(error) },
        )?;
    if done == 1 {
        return Ok(());
    }
    let known = query(FIND)
        .bind(log.run.to_string())
        .bind(log.path.to_string())
        .bind(i64::from(log.attempt))
        .bind(log.tenant.as_str())
        .fetch_optional(connection)
        .await?;
    if known.is_some() { Ok(()) } else { Err(no_run(log.run).into()) }
}

/// The records of a step instance, by attempt.
pub(super) async fn of_step(pool: Pool<'_>, run: RunId, path: &StepPath) -> Result<Vec<LogRecord>, Failure> {
    let rows = query(OF_STEP).bind(run.to_string()).bind(path.to_string()).fetch_all(pool).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

fn read(row: &Row) -> Result<LogRecord, StoreError> {
    let cells = TABLE.cells(row);
    Ok(LogRecord {
        run: cells.parse("run")?,
        path: cells.parse("path")?,
        attempt: cells.number("attempt")?,
        tenant: cells.parse("tenant")?,
        digest: cells.parse("digest")?,
        stored_bytes: cells.number("stored_bytes")?,
        bytes: cells.number("bytes")?,
    })
}
