//! `GET /v2/_catalog`: the repositories that the caller may read.

use http::StatusCode;
use http::header::{CONTENT_TYPE, LINK};
use serde_json::json;
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;
use super::page::{Page, link};

/// Names read from the catalog in one go.
const BATCH: u32 = 200;
/// Names looked at for one answer. Who may read few of very many gets short pages.
const LOOKED_AT: usize = 5000;

pub(super) async fn handle(call: &Call) -> Result<Response, Failure> {
    call.admit(Action::List).await?;
    let Page { count, last } = Page::of(call)?;
    let mut found: Vec<String> = Vec::new();
    let (mut after, mut looked, mut more) = (last.to_owned(), 0, count > 0);
    while more && found.len() < count as usize && looked < LOOKED_AT {
        let batch = call.registry.catalog().repositories(None, BATCH, &after).await?;
        more = batch.len() == BATCH as usize;
        looked += batch.len();
        for repository in batch {
            if found.len() == count as usize {
                more = true;
                break;
            }
            repository.as_str().clone_into(&mut after);
            if call.may_pull(&repository).await {
                found.push(repository.to_string());
            }
        }
    }
    let answer = Answer::new(StatusCode::OK).header(CONTENT_TYPE, "application/json");
    let answer = if more { answer.header(LINK, link("/v2/_catalog", count, &after, "")) } else { answer };
    Ok(answer.bytes(json!({ "repositories": found }).to_string().into()))
}
