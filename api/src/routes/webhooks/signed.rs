//! Whether a delivery is signed, found out with as little as possible for whoever cannot sign.

use bytes::{Buf, Bytes, BytesMut};
use engine_ports::Project;
use futures::Stream;
use tokio::sync::OwnedSemaphorePermit;
use vocab::{Name, TenantName};
use warp::http::HeaderMap;

use crate::factory::{Factory, seal_place};
use crate::filters::{Places, read};
use crate::problem::{Problem, ProblemKind};
use crate::trigger::Claimed;

/// A body, and the project whose secret signed it.
pub(super) struct Signed {
    pub(super) project: Project,
    pub(super) body: Bytes,
    /// The places that the body takes: dropping them gives them to another.
    pub(super) place: [OwnedSemaphorePermit; 2],
}

/// Reads a body whose signature holds. A project that is not there looks like a wrong signature.
///
/// What can be no signature, and a name that no project can have, are refused before a byte is read. A project that is
/// not there is not: whoever holds a body back would learn from the answer which projects there are. Its body is
/// checked like any other, but not kept, so that it takes no place in memory.
pub(super) async fn signed(
    factory: &Factory,
    places: &Places,
    (tenant, name): (&str, &str),
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Signed, Problem> {
    let header = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let claimed = Claimed::read(header).ok_or_else(refuse)?;
    let (Ok(tenant), Ok(name)) = (tenant.parse::<TenantName>(), name.parse::<Name>()) else {
        return Err(refuse());
    };
    let turn = places.of(&format!("{tenant}/{name}")).await?;
    let found = factory.projects.by_name(&tenant, &name).await?;
    let secret = match &found {
        Some(project) => factory
            .sealer
            .open(&seal_place(project.id), &project.sealed_secret)
            .map_err(|error| Problem::internal(&format!("project {}: {error}", project.name)))?,
        // Something is computed in any case, so that the time does not tell whether there is a project.
        None => zeroize::Zeroizing::new(vec![0; 32]),
    };
    let mut checking = claimed.check(&secret).ok_or_else(refuse)?;
    let kept = found.map(|project| Ok::<_, Problem>((project, places.in_memory()?))).transpose()?;
    let mut whole = BytesMut::new();
    let take = |part: &[u8]| {
        checking.update(part);
        if kept.is_some() {
            whole.extend_from_slice(part);
        }
    };
    read(headers, body, factory.config.limits.body_bytes, take).await?;
    let (project, room) = kept.filter(|_| checking.holds()).ok_or_else(refuse)?;
    Ok(Signed { project, body: whole.freeze(), place: [turn, room] })
}

fn refuse() -> Problem {
    metrics::counter!("image_factory_webhook_deliveries_total", "result" => "refused").increment(1);
    Problem::new(ProblemKind::BadSignature, "the signature does not fit any project here")
        .help("give the Git host the secret of the project; `projects update NAME --renew-webhook-secret` makes a new one")
}
