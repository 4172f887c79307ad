//! `GET /v2/<name>/tags/list`

use http::StatusCode;
use http::header::{CONTENT_TYPE, LINK};
use serde_json::json;
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;
use super::page::{Page, link};

pub(super) async fn handle(call: &Call, name: &str) -> Result<Response, Failure> {
    let (repository, _) = call.enter(name, Action::Pull).await?;
    let Page { count, last } = Page::of(call)?;
    let mut tags = call.registry.catalog().tags(&repository, count.saturating_add(1), last).await?;
    let more = tags.len() > count as usize;
    tags.truncate(count as usize);
    let answer = Answer::new(StatusCode::OK).header(CONTENT_TYPE, "application/json");
    let answer = match tags.last() {
        Some(last) if more => {
            answer.header(LINK, link(&format!("/v2/{name}/tags/list"), count, last.as_str(), ""))
        }
        _ => answer,
    };
    let tags: Vec<&str> = tags.iter().map(crate::Tag::as_str).collect();
    Ok(answer.bytes(json!({ "name": name, "tags": tags }).to_string().into()))
}
