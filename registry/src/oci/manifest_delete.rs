//! `DELETE /v2/<name>/manifests/<reference>`: a digest takes the manifest and its tags, unless an index
//! of the repository needs it; a tag takes only itself.

use http::StatusCode;
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::condition;
use super::failure::Failure;
use crate::Error;
use crate::catalog::TagMove;
use crate::model::Locator;

pub(super) async fn handle(call: &Call, name: &str, reference: &str) -> Result<Response, Failure> {
    let (repository, principal) = call.enter(name, Action::Delete).await?;
    let catalog = call.registry.catalog();
    match reference.parse().map_err(Error::Name)? {
        Locator::Digest(digest) => catalog.delete_manifest(&repository, &digest, &principal.name).await?,
        Locator::Tag(tag) => {
            let expected = condition::of(call, std::slice::from_ref(&tag))?;
            match catalog.move_tag(&repository, &tag, expected, None, &principal.name).await? {
                TagMove::Moved { previous: Some(_) } => {}
                TagMove::Moved { previous: None } => return Err(Failure::unknown_manifest(reference)),
                TagMove::Conflict { found } => return Err(condition::failed(&tag, found.as_ref())),
            }
        }
    }
    Ok(Answer::new(StatusCode::ACCEPTED).empty())
}
