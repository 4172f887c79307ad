//! `PATCH /api/v1/projects/NAME`: changes what is given.

use super::{check, create};
use crate::factory::{Factory, seal_place};
use crate::filters::Caller;
use crate::model::{ProjectChange, ProjectView};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};
use crate::routes::project;

pub(super) async fn update(
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
