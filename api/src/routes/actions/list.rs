//! `GET /api/v1/actions`.

use std::sync::Arc;

use warp::Filter as _;

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::ActionView;
use crate::reply::{self, Body};
use crate::routes::signed_in;
use crate::routes::table::{Answer, Route};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/actions",
    purpose: "Lists the actions that `uses:` can name, each with the schemas of its inputs and outputs.",
    answers: &[Answer::list::<ActionView>(200, "all of them")],
    serve: |state| {
        warp::path!("api" / "v1" / "actions")
            .and(signed_in(state))
            .map(|state: Arc<Factory>, _: Caller| list(&state))
            .boxed()
    },
    ..Route::USUAL
};

fn list(factory: &Factory) -> Body {
    reply::ok(&factory.catalogue.iter().map(ActionView::from).collect::<Vec<_>>())
}
