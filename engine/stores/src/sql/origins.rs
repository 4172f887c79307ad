//! What asked for a run: the same delivery and file never start a second one.

use engine_ports::RunRow;
use vocab::RunId;

use super::cells::Table;
use crate::dialect::sqlite::{Connection, Failure};

const TABLE: Table = Table { name: "origins", key: &["run"] };

pub(super) const FIND: &str =
    "SELECT run FROM origins WHERE tenant = $1 AND project = $2 AND delivery = $3 AND file = $4";
const INSERT: &str = "INSERT INTO origins (tenant, project, delivery, file, run) VALUES ($1, $2, $3, $4, $5)";

/// The run that this delivery and file started in the tenant's project.
pub(super) async fn find(
    connection: &mut Connection,
    run: &RunRow,
    (delivery, file): &(String, String),
) -> Result<Option<RunId>, Failure> {
    let row = sqlx::query(FIND)
        .bind(run.tenant.as_str())
        .bind(project(run))
        .bind(delivery)
        .bind(file)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| TABLE.cells(&row).parse("run")).transpose()?)
}

/// Writes down what started a run.
pub(super) async fn insert(
    connection: &mut Connection,
    run: &RunRow,
    (delivery, file): &(String, String),
) -> Result<(), Failure> {
    sqlx::query(INSERT)
        .bind(run.tenant.as_str())
        .bind(project(run))
        .bind(delivery)
        .bind(file)
        .bind(run.id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// A sender's ids are its own: two projects may see the same one.
fn project(run: &RunRow) -> String {
    run.project.map(|project| project.to_string()).unwrap_or_default()
}
