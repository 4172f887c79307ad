//! `GET` and `HEAD /v2/<name>/manifests/<reference>`

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, IF_NONE_MATCH};
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;
use super::reference::names;
use crate::model::{Locator, bare};

pub(super) async fn handle(call: &Call, name: &str, reference: &str) -> Result<Response, Failure> {
    let (repository, _) = call.enter(name, Action::Pull).await?;
    // A tag that breaks the rules names nothing, and a digest that does is a mistake worth telling.
    let locator = match reference.parse::<Locator>() {
        Ok(locator) => locator,
        Err(error) if reference.contains(':') => return Err(crate::Error::Name(error).into()),
        Err(_) => return Err(Failure::unknown_manifest(reference)),
    };
    let found = call.registry.catalog().resolve(&repository, &locator).await?;
    let found = found.ok_or_else(|| Failure::unknown_manifest(reference))?;
    if !accepts(&call.headers, &found.media_type) {
        let message =
            format!("the manifest is of type {}, which the request does not accept", found.media_type);
        return Err(Failure::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message));
    }
    if call.header(&IF_NONE_MATCH).is_some_and(|tags| names(tags, &found.digest)) {
        return Ok(Answer::new(StatusCode::NOT_MODIFIED).digest(&found.digest).bare());
    }
    let answer =
        Answer::new(StatusCode::OK).header(CONTENT_TYPE, found.media_type.as_str()).digest(&found.digest);
    Ok(if call.is_head() { answer.head(found.bytes.len() as u64) } else { answer.bytes(found.bytes) })
}

/// Whether a client takes this type. One that says nothing takes all.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let mut said = false;
    for value in headers.get_all(ACCEPT) {
        for item in value.to_str().unwrap_or_default().split(',') {
            let item = bare(item);
            if matches!(item, "*/*" | "application/*") || item == media_type {
                return true;
            }
            said |= !item.is_empty();
        }
    }
    !said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_over_several_headers_and_with_parameters() {
        let mut headers = HeaderMap::new();
        assert!(accepts(&headers, "application/x"));
        headers.append(ACCEPT, "application/a, application/b;q=0.5".parse().unwrap());
        assert!(!accepts(&headers, "application/x"));
        headers.append(ACCEPT, "application/x; q=0.1".parse().unwrap());
        assert!(accepts(&headers, "application/x"));
        headers.insert(ACCEPT, "*/*".parse().unwrap());
        assert!(accepts(&headers, "application/x"));
    }
}
