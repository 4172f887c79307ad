//! `POST /api/v1/webhooks/TENANT/PROJECT`: what becomes of a delivery whose signature holds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use engine_ports::{Delivery, DeliveryOutcome, NewDelivery, Project};
use futures::Stream;
use serde_json::json;
use warp::Filter as _;
use warp::http::{HeaderMap, StatusCode};

use super::MOST_BODIES;
use super::signed::{Signed, signed};
use crate::factory::Factory;
use crate::filters::Places;
use crate::model::{DeliveryView, TriggerAnswer};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::factory;
use crate::routes::table::{Answer, PROJECT, Route, Verb, Who};
use crate::trigger::{Concluded, Push, PushError, delivery_url, work_off};

const WORD: &str = r#"{"message": "the webhook works"}"#;

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/webhooks/{tenant}/{project}",
    purpose: "Takes a delivery of a Git host: a push starts runs.",
    more: "[How it works](#webhooks).",
    who: Who::Signature,
    places: &[("tenant", "The tenant: `default`."), PROJECT],
    headers: &[
        (
            "X-Hub-Signature-256",
            "`sha256=` and the HMAC-SHA-256 of the body under the project's secret, in hexadecimal.",
        ),
        ("X-GitHub-Event", "`push` starts runs; anything else only has a word for an answer."),
        ("X-GitHub-Delivery", "Id of the delivery: 1 to 100 letters, digits, `-`, `_`, `.` and `:`."),
    ],
    answers: &[
        Answer::json::<TriggerAnswer>(202, "runs were started, whatever else was refused"),
        Answer::json::<DeliveryView>(
            202,
            "it is durable and goes on by itself; `url` says what became of it",
        ),
        Answer::json::<TriggerAnswer>(200, "the push concerns no workflow"),
        Answer::text(200, "an event that is no push", "application/json", WORD),
        Answer::json::<TriggerAnswer>(422, "workflows were refused, and none was started"),
    ],
    problems: &[
        (ProblemKind::BadRequest, "a header is missing, or the body is no push"),
        (ProblemKind::BadSignature, "the signature is missing or wrong, or there is no such project"),
        (
            ProblemKind::BadGateway,
            "the repository cannot be read, and no other try by itself would mend that",
        ),
        (ProblemKind::Unavailable, "too many bodies are read at once"),
    ],
    serve: |state| {
        let places = Places::new(MOST_BODIES);
        warp::path!("api" / "v1" / "webhooks" / String / String)
            .and(factory(state))
            .and(warp::header::headers_cloned())
            .and(warp::body::stream())
            .then(move |tenant: String, name: String, state: Arc<Factory>, headers: HeaderMap, body| {
                let places = places.clone();
                async move { settle(receive(&state, &places, &tenant, &name, &headers, body).await) }
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn receive(
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
