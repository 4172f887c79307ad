//! Tokens, by their hash.

use async_trait::async_trait;
use engine_ports::{StoreError, Token, TokenStore};

use super::cells::Table;
use crate::dialect::{Connection, Failure, SqlDatabase, query};

const TABLE: Table = Table { name: "tokens", key: &["hash"] };

const INSERT: &str = "INSERT INTO tokens (hash, tenant, user_name, created_ms) VALUES ($1, $2, $3, $4)";
pub(super) const FIND: &str = "SELECT hash, tenant, user_name, created_ms FROM tokens WHERE hash = $1";
// Read whole: a handful of rows, once at each start.
const DELETE_OTHERS: &str = "DELETE FROM tokens WHERE tenant = $1 AND user_name = $2 AND hash <> $3";
const IS_OWN: &str = "SELECT COUNT(*) AS own FROM tokens WHERE hash = $1 AND tenant = $2 AND user_name = $3";

/// Tokens on SQLite or PostgreSQL.
#[derive(Clone)]
pub struct SqlTokenStore {
    database: SqlDatabase,
}

impl SqlTokenStore {
    /// A store on an open database. The database stays its opener's to close.
    pub fn new(database: impl Into<SqlDatabase>) -> Self {
        Self { database: database.into() }
    }

    async fn find(&self, hash: &str) -> Result<Option<Token>, Failure> {
        let row = query(FIND).bind(hash).fetch_optional(self.database.reads()).await?;
        let Some(row) = row else { return Ok(None) };
        let cells = TABLE.cells(&row);
        Ok(Some(Token {
            hash: cells.get("hash")?,
            user: cells.get("user_name")?,
            tenant: cells.parse("tenant")?,
            created_at: cells.time("created_ms")?,
        }))
    }
}

async fn insert(connection: &mut Connection<'_>, token: &Token) -> Result<(), Failure> {
    let done = query(INSERT)
        .bind(&token.hash)
        .bind(token.tenant.as_str())
        .bind(&token.user)
        .bind(token.created_at.as_millis())
        .execute(connection)
        .await;
    match done {
        Ok(_) => Ok(()),
        Err(error) if Failure::is_taken(&error) => {
            Err(StoreError::Exists("token with that hash".into()).into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn replace(connection: &mut Connection<'_>, token: &Token) -> Result<(), Failure> {
    // Two that come at once: the later one ends the other's token, which no row that is there could tell it.
    connection.lock_table(TABLE.name).await?;
    let (tenant, user) = (token.tenant.as_str(), &token.user);
    query(DELETE_OTHERS).bind(tenant).bind(user).bind(&token.hash).execute(&mut *connection).await?;
    let own = query(IS_OWN).bind(&token.hash).bind(tenant).bind(user).fetch_one(&mut *connection).await?;
    if TABLE.cells(&own).get::<i64>("own")? > 0 { Ok(()) } else { insert(connection, token).await }
}

#[async_trait]
impl TokenStore for SqlTokenStore {
    async fn add_token(&self, token: Token) -> Result<(), StoreError> {
        let job = self.database.write(move |mut c| Box::pin(async move { insert(&mut c, &token).await }));
        self.database.explain(job.await)
    }

    async fn replace_tokens(&self, token: Token) -> Result<(), StoreError> {
        let job = self.database.write(move |mut c| Box::pin(async move { replace(&mut c, &token).await }));
        self.database.explain(job.await)
    }

    async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        self.database.explain(self.find(hash).await)
    }
}
