//! Rows of runs: made from events, moved on by compare-and-set over the number of the newest event.

use engine_ports::{Page, RunFilter, RunRow, StoreError};
use vocab::{RunId, TenantName};

use super::cells::{Table, bigint, json};
use crate::commit::{conflict, no_run};
use crate::dialect::{Connection, Failure, Pool, Query, Row, query};

const TABLE: Table = Table { name: "runs", key: &["run"] };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT run, tenant, project, workflow, plan, started_by, inputs, status, compensation, outputs, \
             error, created_ms, finished_ms, seq, run_group, parent FROM runs WHERE ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO runs (run, tenant, project, workflow, plan, started_by, inputs, status, ended, \
     compensation, outputs, error, created_ms, finished_ms, seq, run_group, parent) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING";
pub(super) const ADVANCE: &str = "UPDATE runs SET status = $4, ended = $5, compensation = $6, outputs = $7, \
     error = $8, finished_ms = $9, seq = $10 WHERE run = $1 AND tenant = $2 AND seq = $3";
const REPLACE: &str = "UPDATE runs SET project = $3, workflow = $4, plan = $5, started_by = $6, inputs = $7, \
     status = $8, ended = $9, compensation = $10, outputs = $11, error = $12, created_ms = $13, finished_ms = $14, \
     seq = $15, run_group = $16, parent = $17 WHERE run = $1 AND tenant = $2";
pub(super) const IDS: &str = "SELECT run FROM runs WHERE run > $1 ORDER BY run LIMIT $2";
const SEQ: &str = "SELECT run, seq FROM runs WHERE run = $1";
pub(super) const BY_ID: &str = select!("run = $1");
pub(super) const UNFINISHED: &str = "SELECT run FROM runs WHERE ended = 0 ORDER BY run";
pub(super) const LIST: &str = select!("tenant = $1 AND run < $2 ORDER BY run DESC LIMIT $3");
pub(super) const LIST_BY_STATUS: &str =
    select!("tenant = $1 AND run < $2 AND status = $4 ORDER BY run DESC LIMIT $3");
pub(super) const LIST_BY_PROJECT: &str =
    select!("tenant = $1 AND run < $2 AND project = $4 ORDER BY run DESC LIMIT $3");
pub(super) const LIST_BY_BOTH: &str =
    select!("tenant = $1 AND run < $2 AND project = $4 AND status = $5 ORDER BY run DESC LIMIT $3");

/// Later than every id: where a list begins that is not continued.
const LATEST: &str = "~";

/// A statement with the whole row, its columns in the order of [`INSERT`].
fn whole<'q>(sql: &'static str, run: &'q RunRow) -> Result<Query<'q>, StoreError> {
    Ok(query(sql)
        .bind(run.id.to_string())
        .bind(run.tenant.as_str())
        .bind(run.project.map(|project| project.to_string()))
        .bind(&run.workflow)
        .bind(run.plan.to_string())
        .bind(json(&run.trigger)?)
        .bind(json(&run.inputs)?)
        .bind(run.status.name())
        .bind(i64::from(run.is_over()))
        .bind(run.compensation.name())
        .bind(json(&run.outputs)?)
        .bind(&run.error)
        .bind(run.created_at.as_millis())
        .bind(run.finished_at.map(vocab::Timestamp::as_millis))
        .bind(bigint(run.seq)?)
        .bind(run.group.as_ref().map(json).transpose()?)
        .bind(run.parent.map(|parent| parent.to_string())))
}

/// Adds a run. `Conflict` when its id is taken.
pub(super) async fn insert(connection: &mut Connection<'_>, run: &RunRow) -> Result<(), Failure> {
    let done = whole(INSERT, run)?.execute(&mut *connection).await?;
    if done == 1 {
        return Ok(());
    }
    let found = seq(connection, run.id).await?.unwrap_or(0);
    Err(conflict(run.id, 0, found).into())
}

/// Moves a run on from event `expected`. `Conflict` when it is elsewhere, `Missing` when it is not there.
pub(super) async fn advance(
    connection: &mut Connection<'_>,
    run: &RunRow,
    expected: u64,
) -> Result<(), Failure> {
    let done = query(ADVANCE)
        .bind(run.id.to_string())
        .bind(run.tenant.as_str())
        .bind(bigint(expected)?)
        .bind(run.status.name())
        .bind(i64::from(run.is_over()))
        .bind(run.compensation.name())
        .bind(json(&run.outputs)?)
        .bind(&run.error)
        .bind(run.finished_at.map(vocab::Timestamp::as_millis))
        .bind(bigint(run.seq)?)
        .execute(&mut *connection)
        .await?;
    if done == 1 {
        return Ok(());
    }
    Err(match seq(connection, run.id).await? {
        // The row stands where it should, so it was the tenant that did not fit.
        Some(found) if found == expected => no_run(run.id),
        Some(found) => conflict(run.id, expected, found),
        None => no_run(run.id),
    }
    .into())
}

/// Writes a run's row anew, whatever stands there. `Missing` when it is not there.
pub(super) async fn replace(connection: &mut Connection<'_>, run: &RunRow) -> Result<(), Failure> {
    let done = whole(REPLACE, run)?.execute(connection).await?;
    if done == 1 { Ok(()) } else { Err(no_run(run.id).into()) }
}

/// Ids of runs of all tenants, in order.
pub(super) async fn ids(pool: Pool<'_>, after: Option<RunId>, limit: u32) -> Result<Vec<RunId>, Failure> {
    let after = after.map_or_else(String::new, |run| run.to_string());
    let rows = query(IDS).bind(after).bind(i64::from(limit)).fetch_all(pool).await?;
    Ok(rows.iter().map(|row| TABLE.cells(row).parse("run")).collect::<Result<_, _>>()?)
}

async fn seq(connection: &mut Connection<'_>, run: RunId) -> Result<Option<u64>, Failure> {
    let row = query(SEQ).bind(run.to_string()).fetch_optional(connection).await?;
    Ok(row.map(|row| TABLE.cells(&row).number("seq")).transpose()?)
}

/// The run of that id.
pub(super) async fn by_id(pool: Pool<'_>, run: RunId) -> Result<Option<RunRow>, Failure> {
    let row = query(BY_ID).bind(run.to_string()).fetch_optional(pool).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Runs in which something is left to do, oldest first.
pub(super) async fn unfinished(pool: Pool<'_>) -> Result<Vec<RunId>, Failure> {
    let rows = query(UNFINISHED).fetch_all(pool).await?;
    Ok(rows.iter().map(|row| TABLE.cells(row).parse("run")).collect::<Result<_, _>>()?)
}

/// A page of a tenant's runs, newest first.
pub(super) async fn list(
    pool: Pool<'_>,
    tenant: &TenantName,
    filter: &RunFilter,
    limit: u32,
) -> Result<Page<RunRow>, Failure> {
    let sql = match (filter.project, filter.status) {
        (None, None) => LIST,
        (None, Some(_)) => LIST_BY_STATUS,
        (Some(_), None) => LIST_BY_PROJECT,
        (Some(_), Some(_)) => LIST_BY_BOTH,
    };
    let mut query = query(sql)
        .bind(tenant.as_str())
        .bind(filter.before.map_or_else(|| LATEST.to_owned(), |run| run.to_string()))
        .bind(i64::from(limit) + 1);
    if let Some(project) = filter.project {
        query = query.bind(project.to_string());
    }
    if let Some(status) = filter.status {
        query = query.bind(status.name());
    }
    let rows = query.fetch_all(pool).await?;
    let size = limit as usize;
    let items = rows.iter().take(size).map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, more: rows.len() > size })
}

fn read(row: &Row) -> Result<RunRow, StoreError> {
    let cells = TABLE.cells(row);
    Ok(RunRow {
        id: cells.parse("run")?,
        tenant: cells.parse("tenant")?,
        project: cells.some_parse("project")?,
        workflow: cells.get("workflow")?,
        plan: cells.parse("plan")?,
        trigger: cells.json("started_by")?,
        inputs: cells.json("inputs")?,
        status: cells.parse("status")?,
        compensation: cells.parse("compensation")?,
        outputs: cells.json("outputs")?,
        error: cells.get("error")?,
        created_at: cells.time("created_ms")?,
        finished_at: cells.some_time("finished_ms")?,
        seq: cells.number("seq")?,
        group: cells.some_json("run_group")?,
        parent: cells.some_parse("parent")?,
    })
}
