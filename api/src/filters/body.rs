//! Bodies with a bound that holds for streams too: a body without a length is counted as it comes.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use warp::{Filter, Rejection};

use crate::problem::{Problem, ProblemKind};
use crate::rejection::reject;

/// Bytes of a refused body that are read and thrown away, and the time for it.
const DRAINED: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
/// Time without a byte, and time for the whole body, after which a sender is told to come back faster.
const SILENCE: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);
/// What a body must bring in a second, on the whole, after a time to begin: a sender who may be anybody keeps a place.
const LEAST_BYTES: u64 = 16 * 1024;
const BEGINNING: Duration = Duration::from_secs(5);

/// The whole body, at most `limit` bytes.
fn bytes(limit: u64) -> impl Filter<Extract = (Bytes,), Error = Rejection> + Clone + Send + Sync {
    warp::header::headers_cloned().and(warp::body::stream()).and_then(
        move |headers: HeaderMap, body| async move { collect(&headers, body, limit).await.map_err(reject) },
    )
}

/// The body as JSON of a type, at most `limit` bytes. Unknown keys are refused by the type.
pub(crate) fn json<T: DeserializeOwned + Send>(
    limit: u64,
) -> impl Filter<Extract = (T,), Error = Rejection> + Clone + Send + Sync {
    warp::header::headers_cloned().and(bytes(limit)).and_then(
        move |headers: HeaderMap, body: Bytes| async move { read_json(&headers, &body).map_err(reject) },
    )
}

/// The same where there need not be a body.
pub(crate) fn json_or_nothing<T: DeserializeOwned + Default + Send>(
    limit: u64,
) -> impl Filter<Extract = (T,), Error = Rejection> + Clone + Send + Sync {
    warp::header::headers_cloned().and(bytes(limit)).and_then(
        move |headers: HeaderMap, body: Bytes| async move {
            if body.is_empty() { Ok(T::default()) } else { read_json(&headers, &body).map_err(reject) }
        },
    )
}

fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    // A form of another site can post text, not JSON: asking for the type keeps browsers from being used.
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            ProblemKind::UnsupportedType,
            format!("the body must be `application/json`, not `{essence}`"),
        ));
    }
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(ProblemKind::BadRequest, format!("the body is not what this path takes: {error}"))
    })
}

async fn collect<B: Buf>(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
    limit: u64,
) -> Result<Bytes, Problem> {
    let mut collected = BytesMut::new();
    read(headers, body, limit, |part| collected.extend_from_slice(part)).await?;
    Ok(collected.freeze())
}

/// Hands each part of a body to `take`, at most `limit` bytes, as long as it comes fast enough.
pub(crate) async fn read<B: Buf>(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
    limit: u64,
    take: impl FnMut(&[u8]),
) -> Result<(), Problem> {
    let within = tokio::time::timeout(WHOLE, read_steadily(headers, body, limit, take)).await;
    within.unwrap_or_else(|_| Err(too_slow(format!("the body took more than {} s", WHOLE.as_secs()))))
}

fn too_slow(detail: String) -> Problem {
    Problem::new(ProblemKind::TooSlow, detail)
}

async fn read_steadily<B: Buf>(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
    limit: u64,
    mut take: impl FnMut(&[u8]),
) -> Result<(), Problem> {
    let too_large = || Problem::new(ProblemKind::TooLarge, format!("at most {limit} bytes are taken here"));
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let mut body = std::pin::pin!(body);
    if declared.is_some_and(|length| length > limit) {
        drain(&mut body).await;
        return Err(too_large());
    }
    let (begun, mut taken) = (Instant::now(), 0_u64);
    loop {
        let due = begun + BEGINNING + Duration::from_millis(taken.saturating_mul(1000) / LEAST_BYTES);
        let silent = Instant::now() + SILENCE;
        let chunk = tokio::time::timeout_at(due.min(silent), body.next()).await.map_err(|_| {
            too_slow(if due < silent {
                format!("the body brings less than {LEAST_BYTES} bytes a second")
            } else {
                format!("nothing more of the body came within {} s", SILENCE.as_secs())
            })
        })?;
        let Some(chunk) = chunk else { return Ok(()) };
        let mut chunk = chunk
            .map_err(|error| Problem::new(ProblemKind::BadRequest, format!("the body broke off: {error}")))?;
        taken = taken.saturating_add(chunk.remaining() as u64);
        if taken > limit {
            drain(&mut body).await;
            return Err(too_large());
        }
        while chunk.has_remaining() {
            let part = chunk.chunk();
            take(part);
            let length = part.len();
            chunk.advance(length);
        }
    }
}

/// Reads on for a while without keeping anything: a client that is still sending would take the end of the
/// connection for a fault and never read the answer.
async fn drain<B: Buf>(body: &mut (impl Stream<Item = Result<B, warp::Error>> + Unpin)) {
    let reading = async {
        let mut left = DRAINED;
        while let Some(Ok(chunk)) = body.next().await {
            left = left.saturating_sub(chunk.remaining());
            if left == 0 {
                return;
            }
        }
    };
    // Whoever sends more, or sends slowly, is cut.
    let _ = tokio::time::timeout(PATIENCE, reading).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(limit: u64, chunks: &[&'static str]) -> Result<Bytes, Problem> {
        let stream =
            futures::stream::iter(chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))));
        collect(&HeaderMap::new(), stream, limit).await
    }

    #[tokio::test]
    async fn a_stream_without_a_length_is_cut_at_the_limit() {
        assert_eq!(take(6, &["abc", "def"]).await.unwrap(), "abcdef");
        assert_eq!(take(5, &["abc", "def"]).await.unwrap_err().kind, ProblemKind::TooLarge);
    }

    /// So many chunks of a size, one after each pause.
    fn slow(pause: Duration, chunks: usize, size: u64) -> impl Stream<Item = Result<Bytes, warp::Error>> {
        futures::stream::iter(0..chunks).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok(Bytes::from(vec![b'a'; usize::try_from(size).unwrap()]))
        })
    }

    async fn refused(body: impl Stream<Item = Result<Bytes, warp::Error>>) -> String {
        let problem = collect(&HeaderMap::new(), body, u64::MAX).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::TooSlow);
        problem.detail
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_falls_silent_is_told_so() {
        let second = Duration::from_secs(1);
        let body = slow(second, 1, 100 * LEAST_BYTES).chain(slow(SILENCE * 2, 1, 1));
        let detail = refused(body).await;
        assert!(detail.contains("nothing more"), "{detail}");
        let body = slow(second, 1, 100 * LEAST_BYTES).chain(slow(SILENCE / 2, 3, 1));
        assert!(collect(&HeaderMap::new(), body, u64::MAX).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_trickles_is_cut_soon() {
        let begun = Instant::now();
        let detail = refused(slow(Duration::from_secs(1), 1000, 1)).await;
        assert!(detail.contains("bytes a second"), "{detail}");
        assert!(begun.elapsed() <= BEGINNING + Duration::from_secs(1), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_never_ends_is_cut_in_the_end() {
        let detail = refused(slow(Duration::from_secs(1), 1000, LEAST_BYTES)).await;
        assert!(detail.contains("60 s"), "{detail}");
    }

    #[test]
    fn only_json_is_read_as_json() {
        let mut headers = HeaderMap::new();
        assert_eq!(read_json::<u8>(&headers, b"1").unwrap_err().kind, ProblemKind::UnsupportedType);
        headers.insert(CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
        assert_eq!(read_json::<u8>(&headers, b"1").unwrap(), 1);
        assert_eq!(read_json::<u8>(&headers, b"x").unwrap_err().kind, ProblemKind::BadRequest);
    }
}
