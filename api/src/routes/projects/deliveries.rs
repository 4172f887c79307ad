//! `GET /api/v1/projects/NAME/deliveries/ID`: what became of a delivery.

use engine_ports::DeliveryOutcome;

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::DeliveryView;
use crate::problem::Problem;
use crate::reply::{self, Body};
use crate::routes::project;
use crate::trigger::delivery_url;

pub(super) async fn get(
    factory: &Factory,
    caller: &Caller,
    name: &str,
    delivery: &str,
) -> Result<Body, Problem> {
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
