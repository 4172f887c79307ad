//! `GET /api/v1/projects/NAME/deliveries/ID`: what became of a delivery.

use std::sync::Arc;

use engine_ports::DeliveryOutcome;
use warp::Filter as _;

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::DeliveryView;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::table::{Answer, NO_PROJECT, PROJECT, Route};
use crate::routes::{project, signed_in};
use crate::trigger::delivery_url;

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/projects/{project}/deliveries/{delivery}",
    purpose: "Shows what became of a delivery of the project's webhook.",
    places: &[PROJECT, ("delivery", "The `X-GitHub-Delivery` of it.")],
    answers: &[Answer::json::<DeliveryView>(200, "the delivery")],
    problems: &[NO_PROJECT, (ProblemKind::NotFound, "there was no such delivery")],
    serve: |state| {
        warp::path!("api" / "v1" / "projects" / String / "deliveries" / String)
            .and(signed_in(state))
            .then(|name: String, delivery: String, state: Arc<Factory>, caller: Caller| async move {
                settle(get(&state, &caller, &name, &delivery).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn get(factory: &Factory, caller: &Caller, name: &str, delivery: &str) -> Result<Body, Problem> {
    let project = project(factory, &caller.tenant, name).await?;
    let found = factory.projects.delivery(project.id, delivery).await?;
    let found = found.ok_or_else(|| Problem::missing("such delivery"))?;
    let (state, answer) = match found.outcome {
        DeliveryOutcome::Pending => ("pending", None),
        DeliveryOutcome::Done { answer, .. } => ("done", Some(answer)),
    };
    Ok(reply::ok(&DeliveryView {
        delivery: delivery.to_owned(),
        state: state.to_owned(),
        answer,
        url: delivery_url(factory.base(), &project.name, delivery),
    }))
}
