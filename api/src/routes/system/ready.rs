//! `GET /ready`: the server takes work. 503 while it drains, and while a database takes no writes.

use std::sync::Arc;
use std::time::Duration;

use engine_stores::SqlDatabase;
use warp::Filter as _;

use crate::factory::Factory;
use crate::model::Ready;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};
use crate::routes::factory;
use crate::routes::table::{Answer, Route, Who};

pub(super) const ROUTE: Route = Route {
    path: "/ready",
    purpose: "Says whether the server takes work.",
    more: "For whoever decides where requests go. A server whose disk is nearly full starts no steps, but is ready: it \
        takes requests, and `paused` says why nothing starts.",
    who: Who::Anybody,
    answers: &[Answer::json::<Ready>(200, "it does")],
    problems: &[(ProblemKind::Unavailable, "it shuts down, or a database takes no writes")],
    serve: |state| {
        warp::path!("ready")
            .and(factory(state))
            .then(|state: Arc<Factory>| async move { ready(&state).await })
            .boxed()
    },
    ..Route::USUAL
};

/// Time for a write that changes nothing; whoever asks has little patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server whose disk is nearly full starts nothing, but still takes requests and tells how runs do: it is ready,
/// and says why dispatch is paused.
async fn ready(factory: &Factory) -> Body {
    if factory.is_draining() {
        return refuse("the server is shutting down");
    }
    for database in &factory.databases {
        if let Err(reason) = takes_writes(database).await {
            return refuse(reason);
        }
    }
    let paused = factory.engine.status().slots.paused;
    reply::ok(&Ready { status: "ready".to_owned(), paused })
}

fn refuse(reason: &str) -> Body {
    reply::problem(Problem::new(ProblemKind::Unavailable, reason).retry_after(10))
}

/// Goes through the database's writer without changing anything. The cause goes to the log: anybody may ask.
async fn takes_writes(database: &SqlDatabase) -> Result<(), &'static str> {
    match tokio::time::timeout(PATIENCE, database.takes_writes()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a database takes no writes");
            Err("a database takes no writes; the server's log says why")
        }
        Err(_) => Err("a database does not answer in time"),
    }
}

#[cfg(test)]
mod tests {
    use migrations::{Database, Options, Schema};

    use super::*;

    #[tokio::test]
    async fn a_database_that_takes_no_writes_is_not_ready() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.db");
        let database = Database::open(path, Schema::Engine, Options::default()).await.unwrap();
        let database = SqlDatabase::from(database);
        assert_eq!(takes_writes(&database).await, Ok(()));
        database.close().await;
        assert!(takes_writes(&database).await.is_err_and(|reason| reason.contains("takes no writes")));
    }
}
