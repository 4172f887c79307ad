//! Leases: who executes a step, under which fencing token. The row refuses whoever has another token.

use engine_ports::{Commit, Lease, StoreError};
use vocab::{RunId, StepPath, Timestamp, WorkerId};

use super::cells::{Table, bigint};
use crate::commit::{LeaseMove, fenced, lease_moves};
use crate::dialect::{Connection, Failure, Lock, Pool, Row, query};

const TABLE: Table = Table { name: "leases", key: &["run", "path"] };

pub(super) const GRANT: &str = "INSERT INTO leases (run, path, tenant, attempt, worker, token, expires_ms) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (run, path) DO UPDATE SET attempt = excluded.attempt, worker = excluded.worker, \
     token = excluded.token, expires_ms = excluded.expires_ms";
pub(super) const RENEW: &str = "UPDATE leases SET expires_ms = $4 \
     WHERE run = $1 AND path = $2 AND token = $3 AND worker = $5 AND attempt = $6";
pub(super) const CLEAR: &str = "DELETE FROM leases WHERE run = $1 AND path = $2";
pub(super) const DROP: &str = "DELETE FROM leases WHERE run = $1 AND path = $2 AND token = $3";
// A renewal that comes late never shortens one that came before it.
pub(super) const RENEW_ALL: &str = "UPDATE leases \
     SET expires_ms = CASE WHEN expires_ms < $2 THEN $2 ELSE expires_ms END \
     WHERE worker = $1 RETURNING run, path, token";
pub(super) const OWN: &str = "SELECT run, path FROM leases WHERE worker = $1 ORDER BY run, path";
const ALL: &str = "SELECT run, path, attempt, worker, token, expires_ms FROM leases";

/// Makes the changes of a commit. `Fenced` when a row no longer carries the token.
pub(super) async fn change(connection: &mut Connection<'_>, commit: &Commit) -> Result<(), Failure> {
    let run = &commit.run;
    let id = run.id.to_string();
    for change in lease_moves(commit) {
        let (path, query) = match change {
            LeaseMove::Grant(lease) => (
                &lease.path,
                query(GRANT)
                    .bind(&id)
                    .bind(lease.path.to_string())
                    .bind(run.tenant.as_str())
                    .bind(i64::from(lease.attempt))
                    .bind(lease.worker.to_string())
                    .bind(bigint(lease.token)?)
                    .bind(lease.expires_at.as_millis()),
            ),
            LeaseMove::Renew(lease) => (
                &lease.path,
                query(RENEW)
                    .bind(&id)
                    .bind(lease.path.to_string())
                    .bind(bigint(lease.token)?)
                    .bind(lease.expires_at.as_millis())
                    .bind(lease.worker.to_string())
                    .bind(i64::from(lease.attempt)),
            ),
            LeaseMove::Clear(path) => {
                query(CLEAR).bind(&id).bind(path.to_string()).execute(&mut *connection).await?;
                continue;
            }
            LeaseMove::Drop(path, token) => {
                (path, query(DROP).bind(&id).bind(path.to_string()).bind(bigint(token)?))
            }
        };
        if query.execute(&mut *connection).await? != 1 {
            return Err(fenced(run.id, path).into());
        }
    }
    Ok(())
}

/// Extends all leases of a worker and says which they are.
pub(super) async fn renew(
    connection: &mut Connection<'_>,
    worker: WorkerId,
    until: Timestamp,
) -> Result<Vec<(RunId, StepPath, u64)>, Failure> {
    // In the order in which a commit takes them.
    query(OWN).bind(worker.to_string()).locking(Lock::Update).take_locks(connection).await?;
    let rows =
        query(RENEW_ALL).bind(worker.to_string()).bind(until.as_millis()).fetch_all(connection).await?;
    let read = |row| {
        let cells = TABLE.cells(row);
        Ok((cells.parse("run")?, cells.parse("path")?, cells.number("token")?))
    };
    let mut renewed = rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
    renewed.sort();
    Ok(renewed)
}

/// Every lease that is held.
pub(super) async fn all(pool: Pool<'_>) -> Result<Vec<Lease>, Failure> {
    let rows = query(ALL).fetch_all(pool).await?;
    let mut leases = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    leases.sort_by(|a, b| (a.run, &a.path).cmp(&(b.run, &b.path)));
    Ok(leases)
}

fn read(row: &Row) -> Result<Lease, StoreError> {
    let cells = TABLE.cells(row);
    Ok(Lease {
        run: cells.parse("run")?,
        path: cells.parse("path")?,
        attempt: cells.number("attempt")?,
        worker: cells.parse("worker")?,
        token: cells.number("token")?,
        expires_at: cells.time("expires_ms")?,
    })
}
