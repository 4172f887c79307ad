//! What asked for a run: the same delivery and file never start a second one.

use engine_ports::RunRow;
use vocab::{ProjectId, RunId, TenantName};

use super::cells::Table;
use crate::dialect::{Connection, Failure, Source, query};

const TABLE: Table = Table { name: "origins", key: &["run"] };

pub(super) const FIND: &str =
    "SELECT run FROM origins WHERE tenant = $1 AND project = $2 AND delivery = $3 AND file = $4";
const INSERT: &str = "INSERT INTO origins (tenant, project, delivery, file, run) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT DO NOTHING";

/// The run that this delivery and file started in the tenant's project.
pub(super) async fn find(
    on: impl Into<Source<'_>>,
    tenant: &TenantName,
    project: Option<ProjectId>,
    (delivery, file): &(String, String),
) -> Result<Option<RunId>, Failure> {
    let row = query(FIND)
        .bind(tenant.as_str())
        .bind(key(project))
        .bind(delivery)
        .bind(file)
        .fetch_optional(on)
        .await?;
    Ok(row.map(|row| TABLE.cells(&row).parse("run")).transpose()?)
}

/// Writes down what started a run. `false` when it started another one meanwhile.
pub(super) async fn insert(
    connection: &mut Connection<'_>,
    run: &RunRow,
    (delivery, file): &(String, String),
) -> Result<bool, Failure> {
    let done = query(INSERT)
        .bind(run.tenant.as_str())
        .bind(key(run.project))
        .bind(delivery)
        .bind(file)
        .bind(run.id.to_string())
        .execute(connection)
        .await?;
    Ok(done == 1)
}

/// A sender's ids are its own: two projects may see the same one.
fn key(project: Option<ProjectId>) -> String {
    project.map(|project| project.to_string()).unwrap_or_default()
}
