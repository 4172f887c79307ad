//! Fetching the commit and making its tree.

use std::path::Path;

use engine_ports::{ActionError, Fingerprint, LogStream, SecretText, StepContext};
use steps_kit::{Tools, fail, io_failed, outputs, put_archive};
use tree::{Mtime, Owners};
use vocab::{ActionManifest, Outputs};

use super::inputs::{At, Request};
use crate::git::{Git, Want};

pub(super) async fn fingerprint(
    ctx: &StepContext,
    manifest: &ActionManifest,
    request: Request,
) -> Result<Fingerprint, ActionError> {
    let commit = match &request.at {
        At::Commit { id, .. } => id.clone(),
        At::Ref(name) => {
            let scratch =
                tempfile::tempdir_in(&ctx.work).map_err(io_failed("create a folder in", &ctx.work))?;
            open(ctx, manifest, &request, scratch.path()).await?.resolve(name).await?
        }
    };
    Ok(Fingerprint::Of(commit))
}

pub(super) async fn execute(
    ctx: &StepContext,
    manifest: &ActionManifest,
    request: Request,
) -> Result<Outputs, ActionError> {
    let scratch = ctx.work.join("git");
    std::fs::create_dir(&scratch).map_err(io_failed("create", &scratch))?;
    let git = open(ctx, manifest, &request, &scratch).await?;
    let want = match &request.at {
        At::Commit { id, hint } => Want { commit: id.clone(), hint: hint.clone() },
        At::Ref(name) => Want { commit: git.resolve(name).await?, hint: Some(name.clone()) },
    };
    ctx.log.line(LogStream::Factory, &format!("fetching commit {}", want.commit));
    let repo = scratch.join("repo");
    git.init(&repo, &want.commit).await?;
    git.fetch(&repo, &want).await?;

    let archive = ctx.work.join("commit.tar");
    write_archive(&git, &repo, &want.commit, &request.path, &archive).await?;
    let committed_at = git.read(&repo, &["show", "--no-patch", "--format=%ct", &want.commit], 64).await?;
    let committed_at = String::from_utf8_lossy(&committed_at).trim().parse().unwrap_or(0_i64);
    let tree = put_archive(ctx, archive, Mtime::Fixed(request.timestamp), Owners::Root).await?;
    Ok(outputs([
        ("tree", tree.into()),
        ("commit", want.commit.into()),
        ("committed_at", committed_at.into()),
    ]))
}

async fn open<'a>(
    ctx: &'a StepContext,
    manifest: &'a ActionManifest,
    request: &Request,
    scratch: &Path,
) -> Result<Git<'a>, ActionError> {
    let secret: Option<SecretText> = match &request.credentials {
        Some(secret) => Some(ctx.services.secrets.get(&ctx.tenant, secret).await.map_err(fail)?),
        None => None,
    };
    Git::open(Tools::of(ctx, manifest), &ctx.services.settings, scratch, &request.url, secret.as_ref()).await
}

/// Writes the folder `path` of a commit as an archive, straight from Git's objects: no checkout, no filter.
async fn write_archive(
    git: &Git<'_>,
    repo: &Path,
    commit: &str,
    path: &str,
    archive: &Path,
) -> Result<(), ActionError> {
    let tree = format!("{commit}:{path}");
    let kind = git.try_read(repo, &["cat-file", "-t", &tree], 64).await?;
    match kind.as_deref().map(<[u8]>::trim_ascii) {
        Some(b"tree") => {}
        Some(_) => {
            return Err(ActionError::permanent(format!("`{path}` is no folder in commit {commit}"))
                .help("give the folder that holds it"));
        }
        None => return Err(ActionError::permanent(format!("commit {commit} has no folder `{path}`"))),
    }
    let output = format!("--output={}", archive.display());
    git.read(repo, &["archive", "--format=tar", &output, &tree], 0).await.map(drop)
}
