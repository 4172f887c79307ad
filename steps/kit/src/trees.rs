//! Folders into the content store and out of it.

use std::fs::File;
use std::io::BufReader;
use std::path::{Component, Path, PathBuf};

use engine_ports::{ActionError, StepContext};
use tempfile::NamedTempFile;
use tree::{Modes, Mtime, NormalizeOptions, Owners, PackOptions};
use vocab::{ArtifactKind, ArtifactRef};

use crate::{fail, io_failed};

/// Runs what blocks (files, hashing, archives) on a thread that may.
pub async fn blocking<T, F>(work: F) -> Result<T, ActionError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ActionError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            Err(ActionError::new(vocab::ErrorClass::Unknown, format!("a thread of the step broke: {error}")))
        }
    }
}

/// The bounds of a tree in this factory.
pub fn tree_limits(ctx: &StepContext) -> tree::Limits {
    tree::Limits::from(&ctx.services.limits)
}

/// Stores the tree below `dir`; it is held by the run when this returns.
pub async fn put_tree(
    ctx: &StepContext,
    dir: PathBuf,
    mut options: PackOptions,
) -> Result<ArtifactRef, ActionError> {
    let dir = dir.canonicalize().map_err(io_failed("open", &dir))?;
    let spool = spool(ctx)?;
    // The archive must not hold itself when the work folder as a whole is packed.
    options.exclude.extend(spool.path().strip_prefix(&dir).map(Path::to_owned));
    put(ctx, spool, move |out| tree::pack(&dir, out, &options)).await
}

/// Stores the tree in the archive at `path` (any tar), rewritten into the deterministic form; it is held by the
/// run when this returns.
pub async fn put_archive(
    ctx: &StepContext,
    path: PathBuf,
    mtime: Mtime,
    owners: Owners,
) -> Result<ArtifactRef, ActionError> {
    let archive = File::open(&path).map_err(io_failed("open", &path))?;
    let limits = tree_limits(ctx);
    let options = NormalizeOptions { mtime, owners, modes: Modes::Keep, limits, spool: ctx.work.clone() };
    put(ctx, spool(ctx)?, move |out| tree::normalize(BufReader::new(archive), out, &options)).await
}

async fn put(
    ctx: &StepContext,
    spool: NamedTempFile,
    write: impl FnOnce(&File) -> Result<tree::Archive, tree::Error> + Send + 'static,
) -> Result<ArtifactRef, ActionError> {
    let spool = blocking(move || {
        write(spool.as_file()).map_err(fail)?;
        Ok(spool)
    })
    .await?;
    ctx.services.artifacts.put_file(&ctx.owner(), ArtifactKind::Tree, spool.path()).await.map_err(fail)
}

/// A file in the work folder that is gone when its handle is. The folder's real path, so that it can be compared.
fn spool(ctx: &StepContext) -> Result<NamedTempFile, ActionError> {
    let work = ctx.work.canonicalize().map_err(io_failed("open", &ctx.work))?;
    tempfile::Builder::new().prefix(".tree-").tempfile_in(&work).map_err(io_failed("create a file in", &work))
}

/// Puts an artifact at `name` in the attempt's work folder, and gives the path.
pub async fn materialize(
    ctx: &StepContext,
    artifact: &ArtifactRef,
    name: &str,
) -> Result<PathBuf, ActionError> {
    let target = ctx.work.join(name);
    ctx.services.artifacts.materialize(artifact, &target).await.map_err(fail)?;
    Ok(target)
}

/// The folder or file `path` below `root`: a tenant's relative path that neither climbs out nor goes through a
/// link that leads out. It must be there.
pub fn subfolder(root: &Path, path: &str) -> Result<PathBuf, ActionError> {
    let refuse = |why: &str| ActionError::permanent(format!("the path `{path}` {why}"));
    let relative = Path::new(path);
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(refuse("must be relative and without `..`"));
    }
    let root = root.canonicalize().map_err(io_failed("open", root))?;
    let found =
        root.join(relative).canonicalize().map_err(|error| refuse(&format!("cannot be opened: {error}")))?;
    if found.starts_with(&root) { Ok(found) } else { Err(refuse("leads out of its tree by a link")) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_that_leaves_its_tree_is_refused() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        symlink("/etc", root.path().join("door")).unwrap();
        symlink("a", root.path().join("inside")).unwrap();
        for path in ["../x", "/etc", "a/../../x", "door", "door/passwd", "nowhere"] {
            assert!(subfolder(root.path(), path).is_err(), "{path}");
        }
        for path in ["a/b", "./a/b", "inside/b", "."] {
            assert!(subfolder(root.path(), path).is_ok(), "{path}");
        }
    }
}
