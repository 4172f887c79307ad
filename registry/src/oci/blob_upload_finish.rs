//! `PUT /v2/<name>/blobs/uploads/<id>?digest=…`: the last bytes, if any, and the name.

use http::StatusCode;
use warp::reply::Response;

use super::authorize::Action;
use super::blob_upload_patch::refused;
use super::blob_upload_start::created;
use super::body::Body;
use super::call::Call;
use super::chunk;
use super::failure::Failure;
use super::reference::digest_of;

pub(super) async fn handle(call: &Call, name: &str, id: &str, body: &mut Body) -> Result<Response, Failure> {
    let (repository, _) = call.enter(name, Action::Push).await?;
    let uploads = call.registry.uploads();
    let session = uploads.find(&repository, id).await?;
    let digest = call.parameter("digest").ok_or_else(|| {
        let message = "the last request of an upload names its digest: `?digest=sha256:…`";
        Failure::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
    })?;
    let digest = digest_of(digest)?;
    let chunk = chunk::of(&call.headers)?;
    let appended = uploads.append(&session, chunk, body).await;
    let sink = appended.map_err(|error| refused(error, name, id))?;
    uploads.finish(&session, sink, &digest).await?;
    Ok(created(name, &digest))
}
