//! `PATCH /v2/<name>/blobs/uploads/<id>`: the next bytes of an upload.

use http::StatusCode;
use http::header::{LOCATION, RANGE};
use warp::reply::Response;

use super::answer::{Answer, UPLOAD_ID, upload_range};
use super::authorize::Action;
use super::body::Body;
use super::call::Call;
use super::chunk;
use super::failure::Failure;
use crate::Error;

pub(super) async fn handle(call: &Call, name: &str, id: &str, body: &mut Body) -> Result<Response, Failure> {
    let (repository, _) = call.enter(name, Action::Push).await?;
    let session = call.registry.uploads().find(&repository, id).await?;
    let chunk = chunk::of(&call.headers)?;
    let appended = call.registry.uploads().append(&session, chunk, body).await;
    let sink = appended.map_err(|error| refused(error, name, id))?;
    Ok(Answer::new(StatusCode::ACCEPTED)
        .header(LOCATION, format!("/v2/{name}/blobs/uploads/{id}"))
        .header(RANGE, upload_range(sink.held()))
        .header(UPLOAD_ID, id)
        .empty())
}

/// A chunk out of order is told where the upload stands.
pub(super) fn refused(error: Error, name: &str, id: &str) -> Failure {
    match error {
        Error::OutOfOrder { held, .. } => Failure::from(error)
            .with(LOCATION, format!("/v2/{name}/blobs/uploads/{id}"))
            .with(RANGE, upload_range(held)),
        error => error.into(),
    }
}
