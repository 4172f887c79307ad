//! `POST /api/v1/webhooks/TENANT/PROJECT`: a delivery, checked before anything of it is read.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{Delivery, DeliveryOutcome, NewDelivery, Project};
use serde_json::json;
use vocab::{Name, TenantName};
use warp::http::{HeaderMap, StatusCode};

use crate::factory::{Factory, seal_place};
use crate::filters::Held;
use crate::model::DeliveryView;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};
use crate::trigger::{Concluded, Push, delivery_url, is_signed, work_off};

pub(super) async fn receive(
    factory: &Arc<Factory>,
    tenant: &str,
    name: &str,
    headers: &HeaderMap,
    body: Held,
) -> Result<Body, Problem> {
    let project = signed(factory, tenant, name, headers, &body.bytes).await?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match header("x-github-event") {
        Some("push") => {}
        Some("ping") => return Ok(reply::ok(&json!({ "message": "the webhook works" }))),
        Some(other) => {
            let event: String = other.chars().take(80).collect();
            return Ok(reply::ok(&json!({ "message": format!("`{event}` starts nothing; pushes do") })));
        }
        None => return Err(Problem::new(ProblemKind::BadRequest, "the header `X-GitHub-Event` is missing")),
    }
    let delivery = header("x-github-delivery").filter(|id| is_delivery(id)).ok_or_else(|| {
        let text = "the header `X-GitHub-Delivery` is missing, or is no id of at most 100 plain characters";
        Problem::new(ProblemKind::BadRequest, text)
    })?;
    let push = Push::read(&body.bytes).map_err(|error| {
        Problem::new(ProblemKind::BadRequest, error.to_string())
            .help("set the webhook's content type to `application/json`")
    })?;
    // What follows may wait; the place in memory is another sender's meanwhile.
    drop(body);
    factory.accepts_work()?;
    let new = NewDelivery {
        project: project.id,
        delivery: delivery.to_owned(),
        event: "push".to_owned(),
        payload: serde_json::to_value(&push).map_err(|error| Problem::internal(&error.to_string()))?,
        at: factory.clock.now(),
    };
    // Before its row is read: what the row says then holds until the claim is given back.
    let claim = factory.under_way.claim(project.id, delivery);
    match factory.projects.accept(new.clone()).await? {
        Delivery::New => {}
        Delivery::Seen(row) => match row.outcome {
            // Nobody may be working on it, when the store was away.
            DeliveryOutcome::Pending => {}
            // What failed outside may work now; a run that was started is never started again.
            DeliveryOutcome::Done { status, .. } if status >= 500 => {}
            DeliveryOutcome::Done { answer, status } => {
                metrics::counter!("image_factory_webhook_deliveries_total", "result" => "redelivered")
                    .increment(1);
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                return Ok(reply::json(status, &answer));
            }
        },
    }
    // Somebody works on it, or it waits for the next look at what is pending.
    let Some(claim) = claim else { return Ok(pending(factory, &project, delivery)) };
    // The work goes on when the sender gives up: its own task, and a place to look at.
    let work = tokio::spawn(work_off(Arc::clone(factory), new, claim));
    let patience = Duration::from_secs(factory.config.limits.webhook_seconds);
    match tokio::time::timeout(patience, work).await {
        Ok(Ok(Ok(Concluded::Answered { status, answer }))) => Ok(reply::json(status, &answer)),
        // It is durable, and the factory goes on with it by itself.
        Ok(Ok(Ok(Concluded::Later(_)))) => Ok(pending(factory, &project, delivery)),
        Ok(Ok(Ok(Concluded::Failed(problem)) | Err(problem))) => Err(problem),
        Ok(Err(error)) => Err(Problem::internal(&error.to_string())),
        Err(_) => Ok(pending(factory, &project, delivery)),
    }
}

/// The project whose secret signed the body. A project that is not there looks like a wrong signature.
async fn signed(
    factory: &Factory,
    tenant: &str,
    name: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Project, Problem> {
    let refuse = || {
        metrics::counter!("image_factory_webhook_deliveries_total", "result" => "refused").increment(1);
        Problem::new(ProblemKind::BadSignature, "the signature does not fit any project here")
            .help("give the Git host the secret of the project; `projects update NAME --renew-webhook-secret` makes a new one")
    };
    let header = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let found = match (tenant.parse::<TenantName>(), name.parse::<Name>()) {
        (Ok(tenant), Ok(name)) => factory.projects.by_name(&tenant, &name).await?,
        _ => None,
    };
    let secret = match &found {
        Some(project) => factory
            .sealer
            .open(&seal_place(project.id), &project.sealed_secret)
            .map_err(|error| Problem::internal(&format!("project {}: {error}", project.name)))?,
        // Something is computed in any case, so that the time does not tell whether there is a project.
        None => zeroize::Zeroizing::new(vec![0; 32]),
    };
    let good = is_signed(&secret, header, body);
    found.filter(|_| good).ok_or_else(refuse)
}

fn pending(factory: &Factory, project: &Project, delivery: &str) -> Body {
    let url = delivery_url(factory.base(), &project.name, delivery);
    let view = DeliveryView { delivery: delivery.to_owned(), state: "pending".to_owned(), answer: None, url };
    reply::json(StatusCode::ACCEPTED, &view)
}

fn is_delivery(id: &str) -> bool {
    (1..=100).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}
