//! `GET /v2/<name>/referrers/<digest>`: what is about a manifest, as an index.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, LINK};
use serde_json::json;
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;
use super::page::{Page, link};
use super::reference::digest_of;
use crate::model::OCI_INDEX;

/// Says that a filter was applied.
const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");
/// Referrers in one answer; fewer where their annotations are long.
const LARGEST: u32 = 200;

pub(super) async fn handle(call: &Call, name: &str, digest: &str) -> Result<Response, Failure> {
    let (repository, _) = call.enter(name, Action::Pull).await?;
    let subject = digest_of(digest)?;
    let page = Page::of(call)?;
    let count = page.count.min(LARGEST);
    let artifact_type = call.parameter("artifactType").filter(|wanted| !wanted.is_empty());
    let found =
        call.registry.catalog().referrers(&repository, &subject, artifact_type, count, page.last).await?;
    let answer = Answer::new(StatusCode::OK).header(CONTENT_TYPE, OCI_INDEX);
    let answer = if artifact_type.is_some() { answer.header(FILTERS, "artifactType") } else { answer };
    let answer = match &found.next {
        Some(last) => {
            let extra = artifact_type.map(|wanted| format!("&artifactType={}", encode(wanted)));
            let path = format!("/v2/{name}/referrers/{subject}");
            answer.header(LINK, link(&path, count, &last.to_string(), extra.as_deref().unwrap_or_default()))
        }
        None => answer,
    };
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found.manifests });
    Ok(answer.bytes(index.to_string().into()))
}

/// Percent-encodes what is not plainly allowed in a query.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
