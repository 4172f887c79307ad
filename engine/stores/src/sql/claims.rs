//! Claims: which process drives a run. A row stays when its term is over, until somebody takes it over.

use engine_ports::{Claim, StoreError, Term};
use vocab::{RunId, WorkerId};

use super::cells::Table;
use super::insert::{Insert, ROWS};
use crate::commit::not_held;
use crate::dialect::{Connection, Failure, Lock, Row, query};

const TABLE: Table = Table { name: "claims", key: &["run"] };

// The lock is on the runs: one that somebody else is claiming, or committing, is in hands already.
pub(super) const FREE: &str = "SELECT r.run, r.tenant FROM runs r LEFT JOIN claims c ON c.run = r.run \
     WHERE r.ended = 0 AND (c.run IS NULL OR c.until_ms <= $1) ORDER BY r.run LIMIT $2";
// Who came first since the look keeps the run.
const TAKE: Insert = Insert {
    head: "INSERT INTO claims (run, tenant, worker, claimed_ms, until_ms)",
    columns: 5,
    tail: "ON CONFLICT (run) DO UPDATE SET worker = excluded.worker, claimed_ms = excluded.claimed_ms, \
        until_ms = excluded.until_ms WHERE claims.until_ms <= excluded.claimed_ms RETURNING run",
};
// Whoever holds it already, and everybody once it is over.
const TAKE_ONE: &str = "INSERT INTO claims (run, tenant, worker, claimed_ms, until_ms) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (run) DO UPDATE SET worker = excluded.worker, claimed_ms = excluded.claimed_ms, \
     until_ms = CASE WHEN claims.worker = excluded.worker AND claims.until_ms > excluded.until_ms \
     THEN claims.until_ms ELSE excluded.until_ms END \
     WHERE claims.worker = excluded.worker OR claims.until_ms <= excluded.claimed_ms";
const THIS: &str = "SELECT run, tenant FROM runs WHERE run = $1";
pub(super) const HOLDER: &str = "SELECT run, worker FROM claims WHERE run = $1";
pub(super) const OWN: &str = "SELECT run FROM claims WHERE worker = $1 ORDER BY run";
// A renewal that comes late never shortens one that came before it.
pub(super) const RENEW: &str = "UPDATE claims \
     SET until_ms = CASE WHEN until_ms < $2 THEN $2 ELSE until_ms END WHERE worker = $1 RETURNING run";
pub(super) const RELEASE: &str = "DELETE FROM claims WHERE run = $1 AND worker = $2";

/// Takes unfinished runs that are in nobody's hands, the oldest first.
pub(super) async fn take(
    connection: &mut Connection<'_>,
    worker: WorkerId,
    term: Term,
    limit: u32,
) -> Result<Vec<RunId>, Failure> {
    let now = connection.now(term.now).await?;
    let free = query(FREE).bind(now.as_millis()).bind(i64::from(limit)).locking(Lock::Skip("r"));
    let free = free.fetch_all(&mut *connection).await?;
    let mut taken = Vec::with_capacity(free.len());
    for rows in free.chunks(ROWS) {
        let mut query = query(TAKE.sql(rows.len(), connection));
        for row in rows {
            let cells = TABLE.cells(row);
            query = query
                .bind(cells.get::<String>("run")?)
                .bind(cells.get::<String>("tenant")?)
                .bind(worker.to_string())
                .bind(now.as_millis())
                .bind(term.ends(now).as_millis());
        }
        taken.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(runs(&taken)?)
}

/// Takes one run, unless it is somebody else's. Whether it is the worker's now.
pub(super) async fn take_one(
    connection: &mut Connection<'_>,
    claim: Claim,
    run: RunId,
) -> Result<bool, Failure> {
    // Behind the commit that is being made, should there be one.
    let this =
        query(THIS).bind(run.to_string()).locking(Lock::Update).fetch_optional(&mut *connection).await?;
    let Some(this) = this else { return Ok(false) };
    let now = connection.now(claim.term.now).await?;
    let done = query(TAKE_ONE)
        .bind(run.to_string())
        .bind(TABLE.cells(&this).get::<String>("tenant")?)
        .bind(claim.worker.to_string())
        .bind(now.as_millis())
        .bind(claim.term.ends(now).as_millis())
        .execute(connection)
        .await?;
    Ok(done == 1)
}

/// Refuses who writes to a run that somebody else has claimed. The run's row is locked by now: who claims it comes
/// before this look, or after this commit.
pub(super) async fn check(
    connection: &mut Connection<'_>,
    claim: Option<Claim>,
    run: RunId,
) -> Result<(), Failure> {
    let Some(claim) = claim else { return Ok(()) };
    let holder = query(HOLDER).bind(run.to_string()).fetch_optional(connection).await?;
    let holder: Option<WorkerId> = holder.map(|row| TABLE.cells(&row).parse("worker")).transpose()?;
    if holder == Some(claim.worker) { Ok(()) } else { Err(not_held(run).into()) }
}

/// Extends what a worker holds and says what that is.
pub(super) async fn renew(
    connection: &mut Connection<'_>,
    worker: WorkerId,
    term: Term,
) -> Result<Vec<RunId>, Failure> {
    // In the order in which they are claimed.
    query(OWN).bind(worker.to_string()).locking(Lock::Update).take_locks(connection).await?;
    let until = term.ends(connection.now(term.now).await?);
    let rows = query(RENEW).bind(worker.to_string()).bind(until.as_millis()).fetch_all(connection).await?;
    Ok(runs(&rows)?)
}

/// Gives a run up. Whether it was the worker's.
pub(super) async fn release(
    connection: &mut Connection<'_>,
    worker: WorkerId,
    run: RunId,
) -> Result<bool, Failure> {
    let done = query(RELEASE).bind(run.to_string()).bind(worker.to_string()).execute(connection).await?;
    Ok(done == 1)
}

fn runs(rows: &[Row]) -> Result<Vec<RunId>, StoreError> {
    let mut runs = rows.iter().map(|row| TABLE.cells(row).parse("run")).collect::<Result<Vec<_>, _>>()?;
    runs.sort();
    Ok(runs)
}
