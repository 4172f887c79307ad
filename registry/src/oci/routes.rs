//! The filter, and which endpoint takes which method.

use std::sync::Arc;

use bytes::Buf;
use futures::Stream;
use http::header::EXPECT;
use http::{HeaderMap, Method, StatusCode};
use warp::filters::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::authorize::{Authorizer, credentials};
use super::body::Body;
use super::call::Call;
use super::failure::Failure;
use super::path::{self, Endpoint};
use super::{
    blob_delete, blob_get, blob_upload_cancel, blob_upload_finish, blob_upload_patch, blob_upload_start,
    blob_upload_status, catalog_list, manifest_delete, manifest_get, manifest_put, ping, referrers_list,
    tags_list,
};
use crate::Registry;

/// The registry's API below `/v2`. Rejects every other path; answers every request below it, errors included.
pub fn routes(
    registry: Registry,
    authorizer: Arc<dyn Authorizer>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    let query = warp::query::<Vec<(String, String)>>().map(Some).or(warp::any().map(|| None)).unify();
    warp::path("v2")
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(query)
        .and(warp::body::stream())
        .then(move |method, path, headers, query, body| {
            answer(registry.clone(), Arc::clone(&authorizer), method, path, headers, query, body)
        })
}

async fn answer<S, B>(
    registry: Registry,
    authorizer: Arc<dyn Authorizer>,
    method: Method,
    path: FullPath,
    headers: HeaderMap,
    query: Option<Vec<(String, String)>>,
    body: S,
) -> Response
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf,
{
    let mut body = Body::new(body);
    let Some(query) = query else {
        let message = "the query of the address cannot be read";
        return Failure::new(StatusCode::BAD_REQUEST, "UNSUPPORTED", message).into_response();
    };
    let credentials = credentials(&headers);
    let call = Call { registry, authorizer, credentials, method, headers, query };
    let answered = match path::parse(path.as_str()) {
        Some(endpoint) => dispatch(&call, endpoint, &mut body).await,
        None => Err(Failure::no_endpoint()),
    };
    match answered {
        Ok(response) => response,
        Err(failure) => {
            // A client that asked whether to send has sent nothing yet, and to read now would tell it to.
            if !call.headers.contains_key(EXPECT) {
                body.drain().await;
            }
            failure.into_response()
        }
    }
}

async fn dispatch(call: &Call, endpoint: Endpoint, body: &mut Body) -> Result<Response, Failure> {
    let method = call.method.as_str();
    match endpoint {
        Endpoint::Ping => match method {
            "GET" | "HEAD" => ping::handle(call).await,
            _ => Err(Failure::no_method("GET, HEAD")),
        },
        Endpoint::Catalog => match method {
            "GET" => catalog_list::handle(call).await,
            _ => Err(Failure::no_method("GET")),
        },
        Endpoint::Tags { name } => match method {
            "GET" => tags_list::handle(call, &name).await,
            _ => Err(Failure::no_method("GET")),
        },
        Endpoint::Referrers { name, digest } => match method {
            "GET" => referrers_list::handle(call, &name, &digest).await,
            _ => Err(Failure::no_method("GET")),
        },
        Endpoint::Manifest { name, reference } => match method {
            "GET" | "HEAD" => manifest_get::handle(call, &name, &reference).await,
            "PUT" => manifest_put::handle(call, &name, &reference, body).await,
            "DELETE" => manifest_delete::handle(call, &name, &reference).await,
            _ => Err(Failure::no_method("GET, HEAD, PUT, DELETE")),
        },
        Endpoint::Blob { name, digest } => match method {
            "GET" | "HEAD" => blob_get::handle(call, &name, &digest).await,
            "DELETE" => blob_delete::handle(call, &name, &digest).await,
            _ => Err(Failure::no_method("GET, HEAD, DELETE")),
        },
        Endpoint::Uploads { name } => match method {
            "POST" => blob_upload_start::handle(call, &name, body).await,
            _ => Err(Failure::no_method("POST")),
        },
        Endpoint::Upload { name, id } => match method {
            "GET" => blob_upload_status::handle(call, &name, &id).await,
            "PATCH" => blob_upload_patch::handle(call, &name, &id, body).await,
            "PUT" => blob_upload_finish::handle(call, &name, &id, body).await,
            "DELETE" => blob_upload_cancel::handle(call, &name, &id).await,
            _ => Err(Failure::no_method("GET, PATCH, PUT, DELETE")),
        },
    }
}
