//! The actions that `uses:` can name.

mod get;
mod list;

use std::sync::Arc;

use warp::Filter as _;

use super::{Part, signed_in};
use crate::factory::Factory;
use crate::filters::Caller;
use crate::reply::settle;

pub(super) fn routes(state: &Arc<Factory>) -> Part {
    let list = warp::path!("api" / "v1" / "actions")
        .and(warp::get())
        .and(signed_in(state))
        .map(|state: Arc<Factory>, _: Caller| list::list(&state));
    let get = warp::path!("api" / "v1" / "actions" / String / String)
        .and(warp::get())
        .and(signed_in(state))
        .map(|family: String, name: String, state: Arc<Factory>, _: Caller| {
            settle(get::get(&state, &family, &name))
        });
    list.or(get).unify().boxed()
}
