//! A database for one process alone: held as long as a connection of its own lives.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgPool;

use super::database::statement;
use crate::{Error, Place};

/// Held by the process that drives the runs. Any number that nobody else takes.
const LOCK: i64 = 0x696d_6167_6561_6c6f;

/// A process that was killed a moment ago may not be gone for the server yet.
const TRIES: usize = 12;
const PAUSE: Duration = Duration::from_millis(250);

/// The right to work on a database alone. It ends when this is dropped, or when the server loses the connection.
pub struct Alone {
    _connection: PgConnection,
}

impl Alone {
    pub(super) async fn take(pool: &PgPool, place: &Place) -> Result<Self, Error> {
        let fail = |source| statement(place, source);
        let mut connection = pool.acquire().await.map_err(fail)?.detach();
        for pause in std::iter::repeat_n(PAUSE, TRIES) {
            let query = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK);
            if query.fetch_one(&mut connection).await.map_err(fail)? {
                return Ok(Self { _connection: connection });
            }
            tokio::time::sleep(pause).await;
        }
        Err(Error::Unfit {
            place: place.clone(),
            reason:
                "another process of the factory works on this database; stop it, or name another database"
                    .to_owned(),
        })
    }
}
