//! Requests to runs that another process drives, and their answers.

use engine_ports::{Answer, Request, StoreError};
use serde_json::Value as Json;
use vocab::{RequestId, Timestamp, WorkerId};

use super::cells::{Table, json};
use crate::commit::no_run;
use crate::dialect::{Connection, Failure, Pool, Row, query};

const TABLE: Table = Table { name: "requests", key: &["request"] };

const POST: &str = "INSERT INTO requests (request, run, tenant, asked_ms, ask) \
     SELECT $1, run, tenant, $4, $5 FROM runs WHERE run = $2 AND tenant = $3 ON CONFLICT DO NOTHING";
const KNOWN: &str = "SELECT request FROM requests WHERE request = $1";
pub(super) const OPEN: &str = "SELECT q.request, q.run, q.tenant, q.asked_ms, q.ask FROM claims c \
     JOIN requests q ON q.run = c.run WHERE c.worker = $1 AND q.answer IS NULL ORDER BY q.request LIMIT $2";
pub(super) const ANSWER: &str = "UPDATE requests SET answer = $2 WHERE request = $1 AND answer IS NULL";
pub(super) const TAKE: &str =
    "DELETE FROM requests WHERE request = $1 AND answer IS NOT NULL RETURNING request, answer";
pub(super) const FORGET: &str = "DELETE FROM requests WHERE answer IS NOT NULL AND asked_ms < $1";

/// Leaves a request, unless it is there.
pub(super) async fn post(connection: &mut Connection<'_>, request: &Request) -> Result<(), Failure> {
    let done = query(POST)
        .bind(request.id.to_string())
        .bind(request.run.to_string())
        .bind(request.tenant.as_str())
        .bind(request.asked_at.as_millis())
        .bind(json(&request.ask)?)
        .execute(&mut *connection)
        .await?;
    if done == 1 || query(KNOWN).bind(request.id.to_string()).fetch_optional(connection).await?.is_some() {
        return Ok(());
    }
    Err(no_run(request.run).into())
}

/// Those without an answer for the runs that a worker has claimed.
pub(super) async fn open(pool: Pool<'_>, worker: WorkerId, limit: u32) -> Result<Vec<Request>, Failure> {
    let rows = query(OPEN).bind(worker.to_string()).bind(i64::from(limit)).fetch_all(pool).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Writes answers down. One that was answered before keeps its answer.
pub(super) async fn answer(connection: &mut Connection<'_>, answers: &[Answer]) -> Result<(), Failure> {
    for Answer { request, answer } in answers {
        query(ANSWER).bind(request.to_string()).bind(json(answer)?).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes the answer, with the request.
pub(super) async fn take(
    connection: &mut Connection<'_>,
    request: RequestId,
) -> Result<Option<Json>, Failure> {
    let row = query(TAKE).bind(request.to_string()).fetch_optional(connection).await?;
    Ok(row.map(|row| TABLE.cells(&row).json("answer")).transpose()?)
}

/// Forgets answers that nobody came for.
pub(super) async fn forget(connection: &mut Connection<'_>, before: Timestamp) -> Result<u64, Failure> {
    Ok(query(FORGET).bind(before.as_millis()).execute(connection).await?)
}

fn read(row: &Row) -> Result<Request, StoreError> {
    let cells = TABLE.cells(row);
    Ok(Request {
        id: cells.parse("request")?,
        run: cells.parse("run")?,
        tenant: cells.parse("tenant")?,
        asked_at: cells.time("asked_ms")?,
        ask: cells.json("ask")?,
    })
}
