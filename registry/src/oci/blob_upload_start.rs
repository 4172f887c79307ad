//! `POST /v2/<name>/blobs/uploads/`: starts an upload, takes a whole blob, or mounts one that is there already.

use http::StatusCode;
use http::header::LOCATION;
use vocab::Digest;
use warp::reply::Response;

use super::answer::{Answer, UPLOAD_ID, upload_range};
use super::authorize::Action;
use super::body::Body;
use super::call::Call;
use super::failure::Failure;
use super::reference::digest_of;
use crate::model::RepositoryName;

/// Repositories of the same tenant that are looked at for a mount that names none.
const SIBLINGS: u32 = 16;

pub(super) async fn handle(call: &Call, name: &str, body: &mut Body) -> Result<Response, Failure> {
    let (repository, principal) = call.enter(name, Action::Push).await?;
    if let Some(digest) = call.parameter("mount") {
        let digest = digest_of(digest)?;
        if mount(call, &repository, &digest).await? {
            return Ok(created(name, &digest));
        }
    } else if let Some(digest) = call.parameter("digest") {
        let digest = digest_of(digest)?;
        call.registry.uploads().take(&repository, &digest, body).await?;
        return Ok(created(name, &digest));
    }
    let session = call.registry.uploads().start(&repository, &principal.name).await?;
    Ok(Answer::new(StatusCode::ACCEPTED)
        .header(LOCATION, format!("/v2/{name}/blobs/uploads/{}", session.id))
        .header(http::header::RANGE, upload_range(0))
        .header(UPLOAD_ID, session.id.as_str())
        .empty())
}

/// The answer when a blob is in the repository.
pub(super) fn created(name: &str, digest: &Digest) -> Response {
    Answer::new(StatusCode::CREATED)
        .header(LOCATION, format!("/v2/{name}/blobs/{digest}"))
        .digest(digest)
        .empty()
}

/// Mounts from the repository that the client names, or from one of the same tenant. Only one that the caller may
/// read counts: whether the bytes are in the store is nobody's business otherwise.
async fn mount(call: &Call, repository: &RepositoryName, digest: &Digest) -> Result<bool, Failure> {
    let catalog = call.registry.catalog();
    let sources = match call.parameter("from") {
        Some(from) => from.parse().into_iter().collect(),
        None => catalog.siblings_with(repository, digest, SIBLINGS).await?,
    };
    for source in sources {
        if call.may_pull(&source).await && catalog.mount_blob(repository, digest, &source).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
