//! `POST /api/v1/webhooks/TENANT/PROJECT`: what becomes of a delivery whose signature holds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use engine_ports::{Delivery, DeliveryOutcome, NewDelivery, Project};
use futures::Stream;
use serde_json::json;
use warp::http::{HeaderMap, StatusCode};

use super::signed::{Signed, signed};
use crate::factory::Factory;
use crate::filters::Places;
use crate::model::DeliveryView;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};
use crate::trigger::{Concluded, Push, PushError, delivery_url, work_off};

pub(super) async fn receive(
    factory: &Arc<Factory>,
    places: &Places,
    tenant: &str,
    name: &str,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Body, Problem> {
    let Signed { project, body, place } = signed(factory, places, (tenant, name), headers, body).await?;
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
    let push = Push::read(&body).map_err(|error| {
        let help = match &error {
            PushError::Form(_) => {
                "the body has to be the JSON of a push: set the webhook's content type to `application/json`"
            }
            PushError::Field { .. } => "send the payload of a push as GitHub does",
        };
        Problem::new(ProblemKind::BadRequest, error.to_string()).help(help)
    })?;
    // What follows may wait; the place in memory is another sender's meanwhile.
    drop((body, place));
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

fn pending(factory: &Factory, project: &Project, delivery: &str) -> Body {
    let url = delivery_url(factory.base(), &project.name, delivery);
    let view = DeliveryView { delivery: delivery.to_owned(), state: "pending".to_owned(), answer: None, url };
    reply::json(StatusCode::ACCEPTED, &view)
}

fn is_delivery(id: &str) -> bool {
    (1..=100).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}
