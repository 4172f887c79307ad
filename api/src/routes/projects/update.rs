//! `PATCH /api/v1/projects/NAME`: changes what is given.

use std::sync::Arc;

use warp::Filter as _;

use super::{BODY, check, create};
use crate::factory::{Factory, seal_place};
use crate::filters::{self, Caller};
use crate::model::{ProjectChange, ProjectView};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::table::{Answer, NO_PROJECT, PROJECT, Route, Shape, Verb};
use crate::routes::{project, signed_in};

pub(super) const ROUTE: Route = Route {
    verb: Verb::Patch,
    path: "/api/v1/projects/{project}",
    purpose: "Changes the settings of a project; what is left out stays.",
    more: "Deliveries that are signed with an earlier secret are refused as soon as there is a new one.",
    places: &[PROJECT],
    body: Some(Shape::of::<ProjectChange>()),
    answers: &[Answer::json::<ProjectView>(
        200,
        "the project; with the secret of its webhook, where one was made",
    )],
    problems: &[
        NO_PROJECT,
        (ProblemKind::Conflict, "somebody else changed it meanwhile"),
        (ProblemKind::Invalid, "a value is not as it has to be, or two exclude each other"),
    ],
    serve: |state| {
        warp::path!("api" / "v1" / "projects" / String)
            .and(signed_in(state))
            .and(filters::json(BODY))
            .then(|name: String, state: Arc<Factory>, caller: Caller, body: ProjectChange| async move {
                settle(update(&state, &caller, &name, body).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn update(
    factory: &Factory,
    caller: &Caller,
    name: &str,
    change: ProjectChange,
) -> Result<Body, Problem> {
    let found = project(factory, &caller.tenant, name).await?;
    let mut project = found.clone();
    if let Some(url) = change.url {
        project.url = check::url(&url, &factory.config.steps)?;
    }
    if let Some(trust_host) = change.trust_host {
        project.trust_host = trust_host;
    }
    match (change.credentials_secret, change.no_credentials) {
        (Some(_), true) => {
            let text = "`credentials_secret` and `no_credentials` exclude each other";
            return Err(Problem::new(ProblemKind::Invalid, text));
        }
        (Some(name), false) => project.credentials_secret = Some(check::credentials(name)?),
        (None, true) => project.credentials_secret = None,
        (None, false) => {}
    }
    let (secret, made) = match (change.webhook_secret, change.renew_webhook_secret) {
        (Some(_), true) => {
            let text = "`webhook_secret` and `renew_webhook_secret` exclude each other";
            return Err(Problem::new(ProblemKind::Invalid, text));
        }
        (Some(secret), false) => {
            check::secret(&secret)?;
            (Some(secret), false)
        }
        (None, true) => (Some(create::fresh_secret()?), true),
        (None, false) => (None, false),
    };
    if let Some(secret) = &secret {
        let sealed = factory.sealer.seal(&seal_place(project.id), secret.as_bytes());
        project.sealed_secret = sealed.map_err(|error| Problem::internal(&error.to_string()))?;
    }
    // Another change since then must not be lost, least of all one that takes trust away.
    factory.projects.update(&found, project.clone()).await?;
    tracing::info!(project = %project.name, by = caller.user, trust_host = project.trust_host, "a project was changed");
    let mut view = ProjectView::new(&project, factory.base());
    view.webhook_secret = secret.filter(|_| made);
    Ok(reply::ok(&view))
}
