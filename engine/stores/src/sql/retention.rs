//! Removing what is old: finished runs with everything of theirs, each in one transaction, and concluded deliveries.

use engine_ports::{FinishedFilter, FinishedRun, StoreError};
use vocab::{RunId, Timestamp};

use super::cells::Table;
use super::plans;
use crate::dialect::{Connection, Failure, Lock, Pool, Row, query};

const TABLE: Table = Table { name: "runs", key: &["run"] };

// States in which an effect needs nobody any more. Anything else, also a word of another version, keeps its run.
macro_rules! open_effects {
    ($run:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM effects e WHERE e.run = ",
            $run,
            " AND e.state NOT IN ('released', 'undone', 'superseded'))"
        )
    };
}

pub(super) const FINISHED: &str = concat!(
    "SELECT r.run, r.tenant, r.project, r.workflow, r.finished_ms, ",
    "CASE WHEN ",
    open_effects!("r.run"),
    " THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS open_effects, \
     (SELECT COUNT(*) FROM (SELECT 1 FROM runs n WHERE n.tenant = r.tenant AND n.workflow = r.workflow \
     AND n.project IS NOT DISTINCT FROM r.project AND n.run > r.run LIMIT $4) AS later) AS newer \
     FROM runs r WHERE r.ended = 1 AND (r.finished_ms, r.run) > ($2, $3) AND r.finished_ms < $1 \
     ORDER BY r.finished_ms, r.run LIMIT $5"
);
pub(super) const REMOVABLE: &str = concat!(
    "SELECT run, tenant, plan FROM runs WHERE run = $1 AND ended = 1 AND NOT ",
    open_effects!("runs.run")
);
/// What refers to a run, and then the run.
pub(super) const REMOVE: [&str; 9] = [
    "DELETE FROM requests WHERE run = $1",
    "DELETE FROM claims WHERE run = $1",
    "DELETE FROM attempt_logs WHERE run = $1",
    "DELETE FROM leases WHERE run = $1",
    "DELETE FROM effects WHERE run = $1",
    "DELETE FROM steps WHERE run = $1",
    "DELETE FROM events WHERE run = $1",
    "DELETE FROM origins WHERE run = $1",
    "DELETE FROM runs WHERE run = $1",
];
pub(super) const REMOVE_PLAN: &str = "DELETE FROM plans WHERE digest = $1 AND tenant = $2 \
     AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.plan = plans.digest AND runs.tenant = plans.tenant)";
pub(super) const FORGET_DELIVERIES: &str = "DELETE FROM deliveries WHERE (project, delivery) IN \
     (SELECT project, delivery FROM deliveries WHERE pending = 0 AND at_ms < $1 \
     ORDER BY at_ms, project, delivery LIMIT $2)";

/// Finished runs by their end.
pub(super) async fn finished(
    pool: Pool<'_>,
    filter: &FinishedFilter,
    limit: u32,
) -> Result<Vec<FinishedRun>, Failure> {
    let rows = query(FINISHED)
        .bind(filter.before.as_millis())
        // Before every moment that a row can hold.
        .bind(filter.after.map_or(i64::MIN, |(at, _)| at.as_millis()))
        .bind(filter.after.map_or_else(String::new, |(_, run)| run.to_string()))
        .bind(i64::from(filter.count))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Removes a run that has ended and has no open effects. Whether it went.
pub(super) async fn remove(connection: &mut Connection<'_>, run: RunId) -> Result<bool, Failure> {
    let id = run.to_string();
    let Some(row) = query(REMOVABLE).bind(&id).locking(Lock::Update).fetch_optional(&mut *connection).await?
    else {
        return Ok(false);
    };
    let cells = TABLE.cells(&row);
    let (tenant, plan): (String, String) = (cells.get("tenant")?, cells.get("plan")?);
    for statement in REMOVE {
        query(statement).bind(&id).execute(&mut *connection).await?;
    }
    // With the lock, no run that names it can come between the look and the removal.
    query(plans::KNOWN).bind(&plan).bind(&tenant).locking(Lock::Update).take_locks(connection).await?;
    query(REMOVE_PLAN).bind(plan).bind(tenant).execute(connection).await?;
    Ok(true)
}

/// Removes deliveries that were acted on and came before `before`. How many went.
pub(super) async fn forget_deliveries(
    connection: &mut Connection<'_>,
    before: Timestamp,
    limit: u32,
) -> Result<u64, Failure> {
    let query = query(FORGET_DELIVERIES).bind(before.as_millis()).bind(i64::from(limit));
    Ok(query.execute(connection).await?)
}

fn read(row: &Row) -> Result<FinishedRun, StoreError> {
    let cells = TABLE.cells(row);
    Ok(FinishedRun {
        id: cells.parse("run")?,
        tenant: cells.parse("tenant")?,
        project: cells.some_parse("project")?,
        workflow: cells.get("workflow")?,
        finished_at: cells.time("finished_ms")?,
        newer: cells.number("newer")?,
        open_effects: cells.flag("open_effects")?,
    })
}

#[cfg(test)]
mod tests {
    use vocab::EffectState;

    use super::*;

    #[test]
    fn statements_name_the_states_that_need_nobody() {
        let over = EffectState::ALL.iter().filter(|state| state.is_over());
        let words: Vec<_> = over.map(|state| format!("'{}'", state.name())).collect();
        let list = format!("NOT IN ({})", words.join(", "));
        assert!(FINISHED.contains(&list) && REMOVABLE.contains(&list), "{list}");
    }
}
