//! `GET /api/v1`: what there is, for whoever looks around.

use warp::Filter as _;

use crate::model::{Index, IndexedRoute};
use crate::reply::{self, Body};
use crate::routes::all;
use crate::routes::table::{Answer, Route, Who};

/// Where the reference lies: in the repository, and so in every copy of it.
const REFERENCE: &str = "docs/reference/api.md";

pub(super) const ROUTE: Route = Route {
    path: "/api/v1",
    purpose: "Lists the routes of the API.",
    more: "The example is shortened: the answer has every route of this page.",
    who: Who::Anybody,
    answers: &[Answer::json::<Index>(200, "the list")],
    serve: |_| warp::path!("api" / "v1").map(index).boxed(),
    ..Route::USUAL
};

fn index() -> Body {
    let routes = all().map(|route| IndexedRoute {
        method: route.verb.name().to_owned(),
        path: route.path.to_owned(),
        purpose: route.purpose.to_owned(),
    });
    reply::ok(&Index {
        name: "image-factory".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reference: REFERENCE.to_owned(),
        authentication:
            "send `Authorization: Bearer TOKEN`; the admin's token is in `admin.token` of the data folder"
                .to_owned(),
        routes: routes.collect(),
    })
}
