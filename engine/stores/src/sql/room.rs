//! Runs that share room with each other: what counts, and what waits.

use engine_ports::{StoreError, UnderWay};
use vocab::TenantName;

use super::cells::Table;
use crate::dialect::{Failure, Pool, Row, query};

const TABLE: Table = Table { name: "runs", key: &["run"] };

// The run that a step started counts as a part of the one that waits for it.
pub(super) const UNDER_WAY: &str = "SELECT run, project, workflow, run_group, status FROM runs \
     WHERE tenant = $1 AND ended = 0 AND parent IS NULL ORDER BY run";
pub(super) const QUEUEING: &str = "SELECT DISTINCT tenant FROM runs WHERE ended = 0 AND parent IS NULL AND status = 'queued' ORDER BY tenant";

/// The runs of a tenant that are not over, oldest first.
pub(super) async fn under_way(pool: Pool<'_>, tenant: &TenantName) -> Result<Vec<UnderWay>, Failure> {
    let rows = query(UNDER_WAY).bind(tenant.as_str()).fetch_all(pool).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Tenants of which a run waits for its turn.
pub(super) async fn queueing(pool: Pool<'_>) -> Result<Vec<TenantName>, Failure> {
    let rows = query(QUEUEING).fetch_all(pool).await?;
    Ok(rows.iter().map(|row| TABLE.cells(row).parse("tenant")).collect::<Result<_, _>>()?)
}

fn read(row: &Row) -> Result<UnderWay, StoreError> {
    let cells = TABLE.cells(row);
    Ok(UnderWay {
        run: cells.parse("run")?,
        project: cells.some_parse("project")?,
        workflow: cells.get("workflow")?,
        group: cells.some_json("run_group")?,
        status: cells.parse("status")?,
    })
}
