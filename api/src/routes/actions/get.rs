//! `GET /api/v1/actions/FAMILY/NAME@vN`.

use std::sync::Arc;

use vocab::ActionRef;
use warp::Filter as _;

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::ActionView;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, Route};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/actions/{family}/{name}",
    purpose: "Shows an action that `uses:` can name.",
    places: &[
        ("family", "The part before the slash: `git`."),
        ("name", "The rest, with its version: `fetch@v1`."),
    ],
    answers: &[Answer::json::<ActionView>(200, "the action")],
    problems: &[(ProblemKind::NotFound, "there is no such action")],
    serve: |state| {
        warp::path!("api" / "v1" / "actions" / String / String)
            .and(signed_in(state))
            .map(|family: String, name: String, state: Arc<Factory>, _: Caller| {
                settle(get(&state, &family, &name))
            })
            .boxed()
    },
    ..Route::USUAL
};

fn get(factory: &Factory, family: &str, name: &str) -> Result<Body, Problem> {
    let missing = || Problem::missing("such action").help("`GET /api/v1/actions` lists them");
    let action: ActionRef = format!("{family}/{name}").parse().map_err(|_| missing())?;
    Ok(reply::ok(&ActionView::from(factory.catalogue.get(&action).ok_or_else(missing)?)))
}
