//! `DELETE /v2/<name>/blobs/uploads/<id>`

use http::StatusCode;
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;

pub(super) async fn handle(call: &Call, name: &str, id: &str) -> Result<Response, Failure> {
    let (repository, _) = call.enter(name, Action::Push).await?;
    let session = call.registry.uploads().find(&repository, id).await?;
    call.registry.uploads().cancel(&session).await?;
    Ok(Answer::new(StatusCode::NO_CONTENT).bare())
}
