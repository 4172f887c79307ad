//! Rows of projects.

use engine_ports::{Page, Project, StoreError};
use vocab::{Name, ProjectId, SecretRef, TenantName};

use super::cells::Table;
use crate::dialect::{Connection, Failure, Lock, Pool, Row, query};

const TABLE: Table = Table { name: "projects", key: &["project"] };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT project, tenant, name, url, trust_host, sealed_secret, created_ms, credentials_secret FROM projects WHERE ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO projects \
     (project, tenant, name, url, trust_host, sealed_secret, credentials_secret, created_ms) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
pub(super) const UPDATE: &str = "UPDATE projects SET name = $3, url = $4, trust_host = $5, sealed_secret = $6, \
     credentials_secret = $7 \
     WHERE project = $1 AND tenant = $2 AND name = $8 AND url = $9 AND trust_host = $10 AND sealed_secret = $11 \
     AND COALESCE(credentials_secret, '') = $12 AND created_ms = $13";
pub(super) const DELETE: &str = "DELETE FROM projects WHERE tenant = $1 AND name = $2 RETURNING project";
pub(super) const BY_NAME: &str = select!("tenant = $1 AND name = $2");
pub(super) const BY_ID: &str = select!("project = $1");
pub(super) const LIST: &str = select!("tenant = $1 AND name > $2 ORDER BY name LIMIT $3");
pub(super) const TENANT: &str = "SELECT project, tenant FROM projects WHERE project = $1";
pub(super) const NAMED: &str = "SELECT project FROM projects WHERE tenant = $1 AND name = $2";

/// Adds a project. `Exists` when its name or its id is taken.
pub(super) async fn insert(connection: &mut Connection<'_>, project: &Project) -> Result<(), Failure> {
    query(INSERT)
        .bind(project.id.to_string())
        .bind(project.tenant.as_str())
        .bind(project.name.as_str())
        .bind(&project.url)
        .bind(i64::from(project.trust_host))
        .bind(&project.sealed_secret)
        .bind(project.credentials_secret.as_ref().map(|secret| secret.0.as_str()))
        .bind(project.created_at.as_millis())
        .execute(connection)
        .await
        .map_err(|error| taken(error, project))?;
    Ok(())
}

/// Replaces a project's settings, if they are still `expected`; its id, tenant and birth stay.
pub(super) async fn update(
    connection: &mut Connection<'_>,
    expected: &Project,
    project: &Project,
) -> Result<(), Failure> {
    let done = query(UPDATE)
        .bind(project.id.to_string())
        .bind(project.tenant.as_str())
        .bind(project.name.as_str())
        .bind(&project.url)
        .bind(i64::from(project.trust_host))
        .bind(&project.sealed_secret)
        .bind(project.credentials_secret.as_ref().map(|secret| secret.0.as_str()))
        .bind(expected.name.as_str())
        .bind(&expected.url)
        .bind(i64::from(expected.trust_host))
        .bind(&expected.sealed_secret)
        .bind(expected.credentials_secret.as_ref().map_or("", |secret| secret.0.as_str()))
        .bind(expected.created_at.as_millis())
        .execute(&mut *connection)
        .await
        .map_err(|error| taken(error, project))?;
    if done == 1 {
        return Ok(());
    }
    if tenant(connection, project.id).await?.as_ref() != Some(&project.tenant) {
        return Err(missing(&project.name).into());
    }
    Err(StoreError::Conflict {
        what: format!("project `{}`", expected.name),
        expected: "the settings that were read".to_owned(),
        found: "other ones".to_owned(),
    }
    .into())
}

/// Removes a project's row and gives its id. What refers to it must be gone before.
pub(super) async fn delete(
    connection: &mut Connection<'_>,
    tenant: &TenantName,
    name: &Name,
) -> Result<(), Failure> {
    let row = query(DELETE).bind(tenant.as_str()).bind(name.as_str()).fetch_optional(connection).await?;
    row.map(drop).ok_or_else(|| missing(name).into())
}

/// A tenant's project of that name.
pub(super) async fn by_name(
    pool: Pool<'_>,
    tenant: &TenantName,
    name: &Name,
) -> Result<Option<Project>, Failure> {
    let row = query(BY_NAME).bind(tenant.as_str()).bind(name.as_str()).fetch_optional(pool).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The project of that id.
pub(super) async fn by_id(pool: Pool<'_>, project: ProjectId) -> Result<Option<Project>, Failure> {
    let row = query(BY_ID).bind(project.to_string()).fetch_optional(pool).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// A page of a tenant's projects, by name.
pub(super) async fn list(
    pool: Pool<'_>,
    tenant: &TenantName,
    after: Option<&Name>,
    limit: u32,
) -> Result<Page<Project>, Failure> {
    let rows = query(LIST)
        .bind(tenant.as_str())
        .bind(after.map_or("", Name::as_str))
        .bind(i64::from(limit) + 1)
        .fetch_all(pool)
        .await?;
    let size = limit as usize;
    let items = rows.iter().take(size).map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, more: rows.len() > size })
}

/// Takes a project for the transaction, before what refers to it goes: nothing is added to it meanwhile.
pub(super) async fn take(
    connection: &mut Connection<'_>,
    tenant: &TenantName,
    name: &Name,
) -> Result<(), Failure> {
    let named = query(NAMED).bind(tenant.as_str()).bind(name.as_str()).locking(Lock::Update);
    Ok(named.take_locks(connection).await?)
}

/// Whose the project of that id is; it stays until the transaction ends.
pub(super) async fn tenant(
    connection: &mut Connection<'_>,
    project: ProjectId,
) -> Result<Option<TenantName>, Failure> {
    let row = query(TENANT).bind(project.to_string()).locking(Lock::Share).fetch_optional(connection).await?;
    Ok(row.map(|row| TABLE.cells(&row).parse("tenant")).transpose()?)
}

pub(super) fn missing(name: &Name) -> StoreError {
    StoreError::Missing(format!("project `{name}`"))
}

fn taken(error: sqlx::Error, project: &Project) -> Failure {
    if Failure::is_taken(&error) {
        StoreError::Exists(format!("project `{}`", project.name)).into()
    } else {
        error.into()
    }
}

fn read(row: &Row) -> Result<Project, StoreError> {
    let cells = TABLE.cells(row);
    Ok(Project {
        id: cells.parse("project")?,
        tenant: cells.parse("tenant")?,
        name: cells.parse("name")?,
        url: cells.get("url")?,
        credentials_secret: cells.get::<Option<String>>("credentials_secret")?.map(SecretRef),
        trust_host: cells.flag("trust_host")?,
        sealed_secret: cells.get("sealed_secret")?,
        created_at: cells.time("created_ms")?,
    })
}
