//! Projects: Git repositories with their settings.

mod check;
mod create;
mod delete;
mod deliveries;
mod get;
mod list;
mod update;

use std::sync::Arc;

use warp::Filter as _;

use super::{Part, signed_in};
use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::model::{NewProject, ProjectChange};
use crate::reply::settle;

/// A project's settings are small.
const BODY: u64 = 64 * 1024;

pub(super) fn routes(state: &Arc<Factory>) -> Part {
    let list = warp::path!("api" / "v1" / "projects")
        .and(warp::get())
        .and(signed_in(state))
        .and(warp::query::<list::Query>())
        .then(|state: Arc<Factory>, caller: Caller, query| async move {
            settle(list::list(&state, &caller, query).await)
        });
    let create = warp::path!("api" / "v1" / "projects")
        .and(warp::post())
        .and(signed_in(state))
        .and(filters::json(BODY))
        .then(|state: Arc<Factory>, caller: Caller, body: NewProject| async move {
            settle(create::create(&state, &caller, body).await)
        });
    let get = warp::path!("api" / "v1" / "projects" / String).and(warp::get()).and(signed_in(state)).then(
        |name: String, state: Arc<Factory>, caller: Caller| async move {
            settle(get::get(&state, &caller, &name).await)
        },
    );
    let update = warp::path!("api" / "v1" / "projects" / String)
        .and(warp::patch())
        .and(signed_in(state))
        .and(filters::json(BODY))
        .then(|name: String, state: Arc<Factory>, caller: Caller, body: ProjectChange| async move {
            settle(update::update(&state, &caller, &name, body).await)
        });
    let delete = warp::path!("api" / "v1" / "projects" / String)
        .and(warp::delete())
        .and(signed_in(state))
        .then(|name: String, state: Arc<Factory>, caller: Caller| async move {
            settle(delete::delete(&state, &caller, &name).await)
        });
    let delivery = warp::path!("api" / "v1" / "projects" / String / "deliveries" / String)
        .and(warp::get())
        .and(signed_in(state))
        .then(|name: String, delivery: String, state: Arc<Factory>, caller: Caller| async move {
            settle(deliveries::get(&state, &caller, &name, &delivery).await)
        });
    list.or(create).unify().or(get).unify().or(update).unify().or(delete).unify().or(delivery).unify().boxed()
}
