//! `POST /api/v1/projects`: registers a project.

use std::sync::Arc;

use engine_ports::Project;
use vocab::{Name, ProjectId};
use warp::Filter as _;
use warp::http::StatusCode;

use super::{BODY, check};
use crate::data::random;
use crate::factory::{Factory, seal_place};
use crate::filters::{self, Caller};
use crate::model::{NewProject, ProjectView};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, Route, Shape, Verb};

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/projects",
    purpose: "Registers a project: a Git repository whose pushes start runs.",
    more: "Where no `webhook_secret` is given, one is made, and shown in this answer only.",
    body: Some(Shape::of::<NewProject>()),
    answers: &[Answer::json::<ProjectView>(201, "the project")],
    problems: &[
        (ProblemKind::Conflict, "there is a project of that name"),
        (ProblemKind::Invalid, "the name, the URL or a secret is not as it has to be"),
    ],
    serve: |state| {
        warp::path!("api" / "v1" / "projects")
            .and(signed_in(state))
            .and(filters::json(BODY))
            .then(|state: Arc<Factory>, caller: Caller, body: NewProject| async move {
                settle(create(&state, &caller, body).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn create(factory: &Factory, caller: &Caller, body: NewProject) -> Result<Body, Problem> {
    let name: Name = body
        .name
        .parse()
        .map_err(|error: vocab::NameError| Problem::new(ProblemKind::Invalid, error.to_string()))?;
    let url = check::url(&body.url, &factory.config.steps)?;
    let (secret, made) = match body.webhook_secret {
        Some(secret) => {
            check::secret(&secret)?;
            (secret, false)
        }
        None => (fresh_secret()?, true),
    };
    let id = ProjectId::generate(&*factory.ids);
    let sealed = factory.sealer.seal(&seal_place(id), secret.as_bytes());
    let project = Project {
        id,
        tenant: caller.tenant.clone(),
        name,
        url,
        credentials_secret: body.credentials_secret.map(check::credentials).transpose()?,
        trust_host: body.trust_host,
        sealed_secret: sealed.map_err(|error| Problem::internal(&error.to_string()))?,
        created_at: factory.clock.now(),
    };
    factory.projects.add(project.clone()).await?;
    tracing::info!(project = %project.name, by = caller.user, trust_host = project.trust_host, "a project was registered");
    let mut view = ProjectView::new(&project, factory.base());
    view.webhook_secret = made.then_some(secret);
    Ok(reply::json(StatusCode::CREATED, &view))
}

/// A secret of 256 random bits.
pub(super) fn fresh_secret() -> Result<String, Problem> {
    let bytes = random::<32>().map_err(|error| Problem::internal(&error.to_string()))?;
    Ok(hex::encode(bytes.as_slice()))
}
