//! `GET /v2/`: here is a registry, and you are signed in.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;

pub(super) async fn handle(call: &Call) -> Result<Response, Failure> {
    call.admit(Action::Ping).await?;
    let answer = Answer::new(StatusCode::OK).header(CONTENT_TYPE, "application/json");
    Ok(if call.is_head() { answer.head(2) } else { answer.bytes("{}".into()) })
}
