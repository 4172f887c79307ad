//! The cache of outputs: same action, same inputs, same outside, same outputs.

use engine_core::run::{CacheKey, CachedFrom, Outside, Promise};
use engine_ports::{
    Action, ActionError, ArtifactError, Fingerprint, HoldOwner, LogStream, MemoEntry, MemoKey, StepContext,
    StoreError,
};
use serde_json::json;
use vocab::{ActionRef, Digest, Inputs, Outputs, TenantName, Value};

use crate::driver::RunMeta;
use crate::shared::Shared;

/// The part of the cache that everybody reads, and that only runs write which belong to no other.
const PROTECTED: &str = "protected";
/// Kinds of trigger that ask for a fresh look at the outside.
const FRESH: [&str; 2] = ["schedule", "image"];

/// Bytes of a fingerprint that a run's history keeps as they are.
const TOLD: usize = 1024;

/// What the cache says before an attempt's work.
pub(super) enum Answer {
    /// These outputs were computed earlier; their artifacts are held for this run.
    Hit(Outputs, CachedFrom, CacheKey),
    /// They must be computed, and may be kept under this key.
    Miss(MemoKey, CacheKey),
    /// The cache is out of play.
    Off,
}

/// Asks the cache for outputs that keep the promise; not at all where there is none. Whatever fails here costs only
/// the hit. What the action says of the outside goes into the context, so that it reads no other one later.
pub(super) async fn ask(
    shared: &Shared,
    ctx: &mut StepContext,
    action: &dyn Action,
    inputs: &Inputs,
    promise: Option<&Promise>,
    meta: &RunMeta,
) -> Result<Answer, ActionError> {
    let manifest = action.manifest();
    let Some(promise) = promise.filter(|_| manifest.is_pure()) else { return Ok(Answer::Off) };
    let fingerprint = action.fingerprint(ctx, inputs).await?;
    ctx.fingerprint = Some(fingerprint.clone());
    let say = |text: String| ctx.log.line(LogStream::Factory, &text);
    let (outside, told) = match fingerprint {
        Fingerprint::Nothing => (json!(null), Outside::Nothing),
        Fingerprint::Of(text) => (json!({ "of": text }), Outside::Of(told(&ctx.log.masked(&text)))),
        Fingerprint::Unknown(reason) if FRESH.contains(&meta.trigger_kind.as_str()) => {
            say(format!("cache: not asked, since the run's trigger wants what is fresh and {reason}"));
            return Ok(Answer::Off);
        }
        Fingerprint::Unknown(reason) => {
            (json!({ "unknown": true }), Outside::Unknown(told(&ctx.log.masked(&reason))))
        }
    };
    let scope = meta.cache_scope.as_deref().unwrap_or(PROTECTED);
    let key = key(&ctx.tenant, scope, &manifest.action, inputs, &outside);
    let asked = CacheKey { digest: key.digest.clone(), outside: told };
    let entry = match find(shared, &key).await {
        Ok(Some(entry)) => entry,
        Ok(None) => {
            say(format!("cache: miss, nothing under {}", key.digest.short()));
            return Ok(Answer::Miss(key, asked));
        }
        Err(error) => {
            say(format!("cache: miss, {error}"));
            return Ok(Answer::Miss(key, asked));
        }
    };
    match usable(shared, ctx, promise, &entry).await {
        Ok(()) => {
            note_use(shared, &entry).await;
            say(format!(
                "cache: hit, outputs of step `{}` of run {} from {}",
                entry.path, entry.run, entry.at
            ));
            Ok(Answer::Hit(entry.outputs, CachedFrom { run: entry.run, path: entry.path }, asked))
        }
        Err(reason) => {
            say(format!("cache: miss, {reason}"));
            forget(shared, &entry.key).await;
            Ok(Answer::Miss(key, asked))
        }
    }
}

/// The entry in the run's own part of the cache, else in the protected one.
async fn find(shared: &Shared, key: &MemoKey) -> Result<Option<MemoEntry>, StoreError> {
    let own = shared.store.memo(key).await?;
    if own.is_some() || key.scope == PROTECTED {
        return Ok(own);
    }
    shared.store.memo(&MemoKey { scope: PROTECTED.to_owned(), ..key.clone() }).await
}

/// A fingerprint as a run's history keeps it.
fn told(text: &str) -> String {
    if text.len() <= TOLD { text.to_owned() } else { Digest::of(text).to_string() }
}

/// Holds an entry's artifacts for the run, so that they cannot go while it uses them.
async fn usable(
    shared: &Shared,
    ctx: &StepContext,
    promise: &Promise,
    entry: &MemoEntry,
) -> Result<(), String> {
    promise
        .check(&entry.outputs)
        .map_err(|failure| format!("the kept outputs do not fit any more: {failure}"))?;
    hold(shared, &ctx.owner(), &entry.outputs)
        .await
        .map_err(|error| format!("an artifact of the kept outputs is gone: {error}"))
}

/// Writes down that the entry is in use, now and then, so that it is not forgotten.
async fn note_use(shared: &Shared, entry: &MemoEntry) {
    let now = shared.clock.now();
    if now.since(entry.used) < MemoEntry::USE_NOTED {
        return;
    }
    if let Err(error) = shared.store.use_memo(&entry.key, now).await {
        tracing::warn!(key = %entry.key.digest, %error, "the use of a cache entry could not be noted");
    }
}

/// Drops an entry that cannot be served.
async fn forget(shared: &Shared, key: &MemoKey) {
    if let Err(error) = shared.store.forget_memo(key).await {
        tracing::warn!(key = %key.digest, %error, "a useless cache entry could not be removed");
        return;
    }
    let owner = HoldOwner::Memo(key.clone());
    if let Err(error) = shared.services.artifacts.release(&owner).await {
        tracing::warn!(%owner, %error, "the artifacts of a removed cache entry are still held");
    }
}

/// Holds every artifact in `outputs` for `owner`.
pub(super) async fn hold(shared: &Shared, owner: &HoldOwner, outputs: &Outputs) -> Result<(), ArtifactError> {
    for artifact in outputs.values().flat_map(Value::artifacts) {
        shared.services.artifacts.hold(owner, artifact).await?;
    }
    Ok(())
}

/// The entry for outputs that were just computed, once its artifacts are held. None when they cannot be.
pub(super) async fn keep(
    shared: &Shared,
    ctx: &StepContext,
    key: MemoKey,
    outputs: &Outputs,
) -> Option<MemoEntry> {
    let owner = HoldOwner::Memo(key.clone());
    if let Err(error) = hold(shared, &owner, outputs).await {
        ctx.log.line(LogStream::Factory, &format!("cache: not kept, {error}"));
        return None;
    }
    let (run, path, at) = (ctx.run, ctx.path.clone(), shared.clock.now());
    Some(MemoEntry { key, outputs: outputs.clone(), run, path, at, used: at })
}

/// The key: a digest over a JSON text whose keys have one order.
fn key(
    tenant: &TenantName,
    scope: &str,
    action: &ActionRef,
    inputs: &Inputs,
    outside: &serde_json::Value,
) -> MemoKey {
    let text = json!([action.to_string(), inputs, outside]).to_string();
    MemoKey { tenant: tenant.clone(), scope: scope.to_owned(), digest: Digest::of(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_action_inputs_and_outside() {
        let inputs = |text: &str| Inputs::from([("a".to_owned(), Value::from(text))]);
        let tenant = TenantName::default_tenant();
        let key = |action: &str, text, outside| {
            key(&tenant, PROTECTED, &action.parse().unwrap(), &inputs(text), &outside).digest
        };
        let base = key("a/b@v1", "x", json!(null));
        assert_eq!(base, key("a/b@v1", "x", json!(null)));
        for other in [
            key("a/b@v2", "x", json!(null)),
            key("a/b@v1", "y", json!(null)),
            key("a/b@v1", "x", json!({ "of": "z" })),
            key("a/b@v1", "x", json!({ "unknown": true })),
        ] {
            assert_ne!(base, other);
        }
    }
}
