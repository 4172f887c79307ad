//! `DELETE /v2/<name>/blobs/<digest>`

use http::StatusCode;
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;
use super::reference::digest_of;
use crate::Error;

pub(super) async fn handle(call: &Call, name: &str, digest: &str) -> Result<Response, Failure> {
    let (repository, principal) = call.enter(name, Action::Delete).await?;
    let digest = digest_of(digest)?;
    match call.registry.catalog().delete_blob(&repository, &digest, &principal.name).await {
        Ok(()) => Ok(Answer::new(StatusCode::ACCEPTED).digest(&digest).empty()),
        Err(Error::UnknownContent { .. }) => Err(Failure::unknown_blob(&digest.to_string())),
        Err(error) => Err(error.into()),
    }
}
