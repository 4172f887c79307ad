//! `GET /api/v1/runs/A/diff/B`: what differs between two runs.

use vocab::RunId;

use super::run_of;
use crate::compare::{Account, diff};
use crate::factory::Factory;
use crate::filters::Caller;
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) async fn compare(factory: &Factory, caller: &Caller, a: RunId, b: RunId) -> Result<Body, Problem> {
    let (a, b) = (run_of(factory, caller, a).await?, run_of(factory, caller, b).await?);
    let (a, b) = (Account::of(factory, a).await?, Account::of(factory, b).await?);
    Ok(reply::ok(&diff(&a, &b, factory.clock.now())))
}
