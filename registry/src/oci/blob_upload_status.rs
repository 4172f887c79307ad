//! `GET /v2/<name>/blobs/uploads/<id>`: how far an upload is.

use http::StatusCode;
use http::header::{LOCATION, RANGE};
use warp::reply::Response;

use super::answer::{Answer, UPLOAD_ID, upload_range};
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;

pub(super) async fn handle(call: &Call, name: &str, id: &str) -> Result<Response, Failure> {
    let (repository, _) = call.enter(name, Action::Push).await?;
    let session = call.registry.uploads().find(&repository, id).await?;
    let held = call.registry.uploads().held(&session).await?;
    Ok(Answer::new(StatusCode::NO_CONTENT)
        .header(LOCATION, format!("/v2/{name}/blobs/uploads/{id}"))
        .header(RANGE, upload_range(held))
        .header(UPLOAD_ID, id)
        .bare())
}
