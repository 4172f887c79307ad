//! What the filters refuse, as problems.

use warp::Rejection;

use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};

/// A problem that a filter met.
#[derive(Debug)]
struct Refused(Problem);

impl warp::reject::Reject for Refused {}

/// Refuses a request from within a filter.
pub(crate) fn reject(problem: Problem) -> Rejection {
    warp::reject::custom(Refused(problem))
}

/// The answer to a request that no route took.
pub(crate) fn answer(rejection: &Rejection) -> Body {
    use warp::{body, reject};
    let found = if let Some(Refused(problem)) = rejection.find::<Refused>() {
        problem.clone()
    } else if rejection.find::<reject::InvalidQuery>().is_some() {
        Problem::new(
            ProblemKind::BadRequest,
            "the query cannot be read: an unknown key, or a value of the wrong kind",
        )
    } else if let Some(error) = rejection.find::<reject::InvalidHeader>() {
        Problem::new(ProblemKind::BadRequest, error.to_string())
    } else if let Some(error) = rejection.find::<reject::MissingHeader>() {
        Problem::new(ProblemKind::BadRequest, error.to_string())
    } else if let Some(error) = rejection.find::<body::BodyDeserializeError>() {
        Problem::new(ProblemKind::BadRequest, error.to_string())
    } else if rejection.find::<reject::MethodNotAllowed>().is_some() {
        Problem::new(ProblemKind::MethodNotAllowed, "this path does not take this method")
    } else if rejection.is_not_found() {
        Problem::new(ProblemKind::NotFound, "there is nothing at this path")
    } else {
        Problem::internal(&format!("{rejection:?}"))
    };
    reply::problem(found)
}
