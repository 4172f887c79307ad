//! Publishers that are gone: what they published stays, while nobody has to remember each of them.

use sqlx::QueryBuilder;

use super::Catalog;
use crate::Error;

/// Publishers whose claims are handed over in one transaction.
const BATCH: usize = 200;

impl Catalog {
    /// Every publisher whose name begins with `prefix` and who claims something, sorted.
    pub async fn publishers(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let found = sqlx::query_scalar(
            "SELECT DISTINCT publisher FROM manifest_claims \
             WHERE substr(publisher, 1, length($1)) = $1 ORDER BY publisher",
        )
        .bind(prefix)
        .fetch_all(self.database().reads())
        .await?;
        Ok(found)
    }

    /// `heir` claims from now on what these publishers claim, once for each manifest; their own claims end. What they
    /// published stays as safe from others' undo as before.
    pub async fn hand_over_claims(&self, publishers: &[String], heir: &str) -> Result<(), Error> {
        for batch in publishers.chunks(BATCH) {
            let (batch, heir) = (batch.to_vec(), heir.to_owned());
            self.write(move |connection| Box::pin(async move { hand_over(connection, batch, heir).await }))
                .await?;
        }
        Ok(())
    }
}

async fn hand_over(
    connection: &mut sqlx::SqliteConnection,
    publishers: Vec<String>,
    heir: String,
) -> Result<(), Error> {
    let list = |query: &mut QueryBuilder<sqlx::Sqlite>| {
        query.push(" WHERE publisher IN (");
        let mut list = query.separated(", ");
        for publisher in &publishers {
            list.push_bind(publisher.clone());
        }
        query.push(")");
    };
    let mut inherit =
        QueryBuilder::new("INSERT INTO manifest_claims (repository, digest, tenant, claimed_ms, publisher) ");
    inherit.push("SELECT repository, digest, tenant, MIN(claimed_ms), ").push_bind(heir);
    inherit.push(" FROM manifest_claims");
    list(&mut inherit);
    inherit
        .push(" GROUP BY repository, digest, tenant ON CONFLICT (repository, digest, publisher) DO NOTHING");
    inherit.build().execute(&mut *connection).await?;
    let mut end = QueryBuilder::new("DELETE FROM manifest_claims");
    list(&mut end);
    end.build().execute(&mut *connection).await?;
    Ok(())
}
