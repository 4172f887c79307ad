//! `PUT /v2/<name>/manifests/<reference>`: by tag, or by digest with any number of tags beside it (`?tag=`).

use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use vocab::Algorithm;
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::body::Body;
use super::call::Call;
use super::condition;
use super::failure::Failure;
use crate::Error;
use crate::catalog::{Push, Pushed};
use crate::model::{Locator, Tag, digest_as};

/// Tags that one push may move.
const TAGS: usize = 64;
/// Says that the registry keeps referrers by itself.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// Says which tags were set.
const TAG: HeaderName = HeaderName::from_static("oci-tag");

pub(super) async fn handle(
    call: &Call,
    name: &str,
    reference: &str,
    body: &mut Body,
) -> Result<Response, Failure> {
    let (repository, principal) = call.enter(name, Action::Push).await?;
    let locator: Locator = reference.parse().map_err(Error::Name)?;
    let mut tags =
        call.parameters("tag").map(str::parse).collect::<Result<Vec<Tag>, _>>().map_err(Error::Name)?;
    let named = match locator {
        Locator::Tag(tag) => {
            tags.insert(0, tag);
            None
        }
        Locator::Digest(digest) => Some(digest),
    };
    if tags.len() > TAGS {
        let message = format!("a push sets at most {TAGS} tags");
        return Err(Failure::new(StatusCode::BAD_REQUEST, "TAG_INVALID", message));
    }
    let expected = condition::of(call, &tags)?;
    let media_type = call.header(&CONTENT_TYPE).ok_or_else(|| {
        let message = "a manifest comes with its media type in `Content-Type`";
        Failure::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message)
    })?;
    let limit = call.registry.content().settings().manifest_bytes;
    let announced = call.header(&CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Error::TooLarge { limit }.into());
    }
    let bytes = body.collect(limit).await?;
    call.registry.content().admit(bytes.len() as u64).await?;
    let algorithm = named.as_ref().map_or(Algorithm::Sha256, vocab::Digest::algorithm);
    if let Some(expected) = named {
        let found = digest_as(algorithm, &bytes);
        if found != expected {
            return Err(Error::DigestMismatch { expected, found }.into());
        }
    }
    let push = Push {
        repository,
        bytes,
        media_type: media_type.to_owned(),
        algorithm,
        tags: tags.clone(),
        expected,
        by: principal.name,
    };
    match call.registry.catalog().push_manifest(push).await? {
        Pushed::Stored { digest, subject } => {
            let answer = Answer::new(StatusCode::CREATED)
                .header(LOCATION, format!("/v2/{name}/manifests/{digest}"))
                .digest(&digest);
            let answer = subject
                .into_iter()
                .fold(answer, |answer, subject| answer.header(SUBJECT, subject.to_string()));
            Ok(tags.iter().fold(answer, |answer, tag| answer.header(TAG, tag.as_str())).empty())
        }
        Pushed::Conflict { tag, found } => Err(condition::failed(&tag, found.as_ref())),
    }
}
