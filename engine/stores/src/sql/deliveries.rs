//! Deliveries of web hooks: durable before they are answered, acted on once.

use engine_ports::{Delivery, DeliveryOutcome, DeliveryRow, NewDelivery, StoreError};
use vocab::{Name, ProjectId, TenantName};

use super::cells::{Table, json};
use super::projects;
use crate::dialect::{Connection, Failure, Pool, Row, query};

const TABLE: Table = Table { name: "deliveries", key: &["project", "delivery"] };

// One that is there is left as it is, and locked, so that it can be read.
const INSERT: &str = "INSERT INTO deliveries (project, delivery, tenant, event, payload, at_ms, outcome, pending) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, 1) \
     ON CONFLICT (project, delivery) DO UPDATE SET pending = excluded.pending WHERE FALSE";
pub(super) const FIND: &str = "SELECT project, delivery, event, payload, at_ms, outcome FROM deliveries \
     WHERE project = $1 AND delivery = $2";
pub(super) const CONCLUDE: &str =
    "UPDATE deliveries SET outcome = $3, pending = $4 WHERE project = $1 AND delivery = $2";
pub(super) const PENDING: &str = "SELECT project, delivery, event, payload, at_ms FROM deliveries \
     WHERE pending = 1 AND (at_ms, project, delivery) > ($1, $2, $3) ORDER BY at_ms, project, delivery LIMIT $4";
pub(super) const COUNT_PENDING: &str = "SELECT COUNT(*) AS open FROM deliveries WHERE pending = 1";
pub(super) const CLEAR: &str = "DELETE FROM deliveries WHERE project = \
     (SELECT project FROM projects WHERE tenant = $1 AND name = $2)";

/// Writes a delivery down, or says what became of it when it came before.
pub(super) async fn accept(connection: &mut Connection<'_>, new: &NewDelivery) -> Result<Delivery, Failure> {
    let tenant = projects::tenant(connection, new.project)
        .await?
        .ok_or_else(|| StoreError::Missing(format!("project {}", new.project)))?;
    let done = query(INSERT)
        .bind(new.project.to_string())
        .bind(&new.delivery)
        .bind(tenant.as_str())
        .bind(&new.event)
        .bind(json(&new.payload)?)
        .bind(new.at.as_millis())
        .bind(json(&DeliveryOutcome::Pending)?)
        .execute(&mut *connection)
        .await?;
    if done == 1 {
        return Ok(Delivery::New);
    }
    let row = query(FIND).bind(new.project.to_string()).bind(&new.delivery).fetch_one(connection).await?;
    Ok(Delivery::Seen(Box::new(read_with_outcome(&row)?)))
}

/// A delivery and what became of it.
pub(super) async fn find(
    pool: Pool<'_>,
    project: ProjectId,
    delivery: &str,
) -> Result<Option<DeliveryRow>, Failure> {
    let row = query(FIND).bind(project.to_string()).bind(delivery).fetch_optional(pool).await?;
    Ok(row.as_ref().map(read_with_outcome).transpose()?)
}

/// Writes down what became of a delivery.
pub(super) async fn conclude(
    connection: &mut Connection<'_>,
    project: ProjectId,
    delivery: &str,
    outcome: &DeliveryOutcome,
) -> Result<(), Failure> {
    let pending = matches!(outcome, DeliveryOutcome::Pending);
    let done = query(CONCLUDE)
        .bind(project.to_string())
        .bind(delivery)
        .bind(json(outcome)?)
        .bind(i64::from(pending))
        .execute(connection)
        .await?;
    if done == 1 { Ok(()) } else { Err(missing(project, delivery).into()) }
}

/// Deliveries that nobody has acted on, oldest first, from the one after `after`.
pub(super) async fn pending(
    pool: Pool<'_>,
    after: Option<&NewDelivery>,
    limit: u32,
) -> Result<Vec<NewDelivery>, Failure> {
    let rows = query(PENDING)
        // Before every moment that a row can hold.
        .bind(after.map_or(i64::MIN, |row| row.at.as_millis()))
        .bind(after.map_or_else(String::new, |row| row.project.to_string()))
        .bind(after.map_or("", |row| row.delivery.as_str()))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// How many deliveries nobody has acted on.
pub(super) async fn count_pending(pool: Pool<'_>) -> Result<u64, Failure> {
    let row = query(COUNT_PENDING).fetch_one(pool).await?;
    Ok(TABLE.cells(&row).number("open")?)
}

/// Removes all deliveries of a project.
pub(super) async fn clear(
    connection: &mut Connection<'_>,
    tenant: &TenantName,
    name: &Name,
) -> Result<(), Failure> {
    query(CLEAR).bind(tenant.as_str()).bind(name.as_str()).execute(connection).await?;
    Ok(())
}

fn missing(project: ProjectId, delivery: &str) -> StoreError {
    StoreError::Missing(format!("delivery `{delivery}` of project {project}"))
}

fn read_with_outcome(row: &Row) -> Result<DeliveryRow, StoreError> {
    Ok(DeliveryRow { delivery: read(row)?, outcome: TABLE.cells(row).json("outcome")? })
}

fn read(row: &Row) -> Result<NewDelivery, StoreError> {
    let cells = TABLE.cells(row);
    Ok(NewDelivery {
        project: cells.parse("project")?,
        delivery: cells.get("delivery")?,
        event: cells.get("event")?,
        payload: cells.json("payload")?,
        at: cells.time("at_ms")?,
    })
}
