//! Tokens on SQLite, by their hash.

use async_trait::async_trait;
use engine_ports::{StoreError, Token, TokenStore};
use migrations::Database;

use super::cells::Table;
use crate::dialect::sqlite::{Connection, Failure};

const TABLE: Table = Table { name: "tokens", key: &["hash"] };

const INSERT: &str = "INSERT INTO tokens (hash, tenant, user_name, created_ms) VALUES ($1, $2, $3, $4)";
pub(super) const FIND: &str = "SELECT hash, tenant, user_name, created_ms FROM tokens WHERE hash = $1";
// Read whole: a handful of rows, once at each start.
const DELETE_OTHERS: &str = "DELETE FROM tokens WHERE tenant = $1 AND user_name = $2 AND hash <> $3";
const IS_OWN: &str = "SELECT COUNT(*) FROM tokens WHERE hash = $1 AND tenant = $2 AND user_name = $3";

/// Tokens in a database of [`migrations::Schema::Engine`].
#[derive(Clone)]
pub struct SqliteTokenStore {
    database: Database,
}

impl SqliteTokenStore {
    /// A store on an open database. The database stays its opener's to close.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    async fn find(&self, hash: &str) -> Result<Option<Token>, Failure> {
        let row = sqlx::query(FIND).bind(hash).fetch_optional(self.database.reads()).await?;
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

async fn insert(connection: &mut Connection, token: &Token) -> Result<(), Failure> {
    let done = sqlx::query(INSERT)
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

async fn replace(connection: &mut Connection, token: &Token) -> Result<(), Failure> {
    let (tenant, user) = (token.tenant.as_str(), &token.user);
    sqlx::query(DELETE_OTHERS).bind(tenant).bind(user).bind(&token.hash).execute(&mut *connection).await?;
    let own: i64 = sqlx::query_scalar(IS_OWN)
        .bind(&token.hash)
        .bind(tenant)
        .bind(user)
        .fetch_one(&mut *connection)
        .await?;
    if own > 0 { Ok(()) } else { insert(connection, token).await }
}

#[async_trait]
impl TokenStore for SqliteTokenStore {
    async fn add_token(&self, token: Token) -> Result<(), StoreError> {
        let job = self.database.write(move |c| Box::pin(async move { insert(c, &token).await }));
        job.await.map_err(|failure: Failure| failure.explain(&self.database))
    }

    async fn replace_tokens(&self, token: Token) -> Result<(), StoreError> {
        let job = self.database.write(move |c| Box::pin(async move { replace(c, &token).await }));
        job.await.map_err(|failure: Failure| failure.explain(&self.database))
    }

    async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        self.find(hash).await.map_err(|failure| failure.explain(&self.database))
    }
}
