//! Doing `container/assemble@v1`.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use engine_ports::{
    Action, ActionError, ByteStream, Fingerprint, ImageManifest, LogStream, Repository, StepContext,
};
use serde_json::Value as Json;
use steps_kit::{blocking, fail, inputs, io_failed, outputs, tree_limits};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::SyncIoBridge;
use tokio_util::sync::CancellationToken;
use tree::{Modes, Mtime, NormalizeOptions};
use vocab::{ActionManifest, Digest, ErrorClass, Inputs, Outputs};

use super::inputs::{LayerPlan, On, Plan, Taken};
use crate::oci::{self, Base, CONFIG, Descriptor, Layer, LayerWriter, MANIFEST};

/// The largest config that is read, in bytes.
const CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// `container/assemble@v1`.
#[derive(Debug)]
pub struct Assemble {
    manifest: ActionManifest,
}

impl Assemble {
    /// The action.
    pub fn new() -> Self {
        Self { manifest: super::manifest::manifest() }
    }
}

impl Default for Assemble {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Action for Assemble {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    /// A base by name is what the name means now; everything else is an input.
    async fn fingerprint(&self, ctx: &StepContext, given: &Inputs) -> Result<Fingerprint, ActionError> {
        let plan = Plan::try_from(inputs::<Taken>(given.clone())?)?;
        Ok(match plan.on {
            On::Name { repository, reference } => {
                Fingerprint::Of(resolve(ctx, &repository, &reference).await?.to_string())
            }
            On::Nothing | On::Image(_) => Fingerprint::Nothing,
        })
    }

    async fn execute(&self, ctx: &StepContext, given: Inputs) -> Result<Outputs, ActionError> {
        let plan = Plan::try_from(inputs::<Taken>(given)?)?;
        let base = match &plan.on {
            On::Nothing => None,
            On::Image(image) => Some(base(ctx, image.digest.clone(), &plan).await?),
            On::Name { repository, reference } => {
                Some(base(ctx, resolve(ctx, repository, reference).await?, &plan).await?)
            }
        };
        let (mut layers, base_config) =
            base.map_or((Vec::new(), None), |(base, config)| (base.layers, Some(config)));
        let mut new_layers = Vec::new();
        for (index, layer) in plan.layers.iter().enumerate() {
            let made = make_layer(ctx, layer, index).await?;
            let place = if layer.prefix.is_empty() { "/" } else { &layer.prefix };
            let said =
                format!("layer {}: {} at {place}, {} bytes", index + 1, layer.tree.digest, made.blob.size);
            ctx.log.line(LogStream::Factory, &said);
            new_layers
                .push((made.diff_id, format!("container/assemble@v1: {} at {place}", layer.tree.digest)));
            layers.push(made.blob);
        }
        let created = oci::rfc3339(plan.timestamp);
        let config = oci::config(base_config.as_ref(), &plan.changes, plan.arch, &created, &new_layers);
        let config = put_bytes(ctx, CONFIG, config.to_string().into_bytes()).await?;
        let manifest =
            ImageManifest { media_type: MANIFEST.to_owned(), bytes: oci::manifest(&config, &layers) };
        let image = ctx.services.images.put_manifest(&ctx.owner(), manifest).await.map_err(fail)?;
        let digest = image.digest.to_string();
        Ok(outputs([("image", image.into()), ("digest", digest.into())]))
    }
}

/// What a name in the tenant's part of the registry means now.
async fn resolve(ctx: &StepContext, repository: &str, reference: &str) -> Result<Digest, ActionError> {
    let repository = Repository::new(&ctx.tenant, repository).map_err(fail)?;
    let found = ctx.services.images.resolve(&repository, reference).await.map_err(fail)?;
    found.map(|image| image.digest).ok_or_else(|| {
        ActionError::permanent(format!("the registry has no image `{repository}:{reference}`"))
            .help("push the base first, or check the spelling of `from`")
    })
}

/// The layers and the config of the base, for the architecture asked for.
async fn base(ctx: &StepContext, digest: Digest, plan: &Plan) -> Result<(Base, Json), ActionError> {
    let refuse = |error: oci::BaseError| {
        ActionError::permanent(format!("the base image {digest} cannot be built upon: {error}"))
            .help("give a base for the same `arch`")
    };
    let arch = plan.arch.name();
    let mut found = Base::read(&ctx.services.images.manifest(&digest).await.map_err(fail)?.bytes, arch);
    if let Ok(Err(child)) = &found {
        found = Base::read(&ctx.services.images.manifest(child).await.map_err(fail)?.bytes, arch);
    }
    let base = found.map_err(refuse)?.map_err(|_| refuse(oci::BaseError::Field("config")))?;
    let mut bytes = Vec::new();
    let stream = ctx.services.images.open_blob(&base.config.digest).await.map_err(fail)?;
    stream
        .take(CONFIG_BYTES)
        .read_to_end(&mut bytes)
        .await
        .map_err(io_failed("read", Path::new("the base's config")))?;
    let config = Base::read_config(&bytes, arch).map_err(refuse)?;
    Ok((base, config))
}

async fn make_layer(ctx: &StepContext, layer: &LayerPlan, index: usize) -> Result<Layer, ActionError> {
    let target = ctx.work.join(format!("layer-{index}.tar.gz"));
    let tree = ctx.services.artifacts.open(&layer.tree).await.map_err(fail)?;
    let tar = Stoppable { inner: SyncIoBridge::new(tree), cancel: ctx.cancel.clone() };
    let options = NormalizeOptions {
        mtime: Mtime::Keep,
        owners: layer.owners,
        modes: Modes::Keep,
        limits: tree_limits(ctx),
        spool: ctx.work.clone(),
    };
    let prefix = (!layer.is_tree_itself()).then(|| PathBuf::from(&layer.prefix));
    let file = target.clone();
    let made = blocking(move || {
        let mut tar = BufReader::with_capacity(128 * 1024, tar);
        let failed = || io_failed("write the layer", &file);
        let mut writer = LayerWriter::create(&file).map_err(failed())?;
        match prefix {
            None => {
                io::copy(&mut tar, &mut writer).map_err(failed())?;
            }
            Some(prefix) => {
                tree::nest(tar, &prefix, &mut writer, &options).map_err(fail)?;
            }
        }
        writer.finish().map_err(failed())
    })
    .await;
    if ctx.cancel.is_cancelled() {
        return Err(ActionError::new(ErrorClass::Unknown, "the attempt was stopped while it wrote a layer"));
    }
    let made = made?;
    let file = tokio::fs::File::open(&target).await.map_err(io_failed("open", &target))?;
    put_blob(ctx, Box::pin(file), &made.blob).await?;
    tokio::fs::remove_file(&target).await.map_err(io_failed("remove", &target))?;
    Ok(made)
}

async fn put_bytes(ctx: &StepContext, media_type: &str, bytes: Vec<u8>) -> Result<Descriptor, ActionError> {
    let blob = Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(&bytes),
        size: bytes.len() as u64,
    };
    put_blob(ctx, Box::pin(io::Cursor::new(bytes)), &blob).await?;
    Ok(blob)
}

async fn put_blob(ctx: &StepContext, stream: ByteStream, blob: &Descriptor) -> Result<(), ActionError> {
    let (digest, size) = ctx.services.images.put_blob(&ctx.owner(), stream).await.map_err(fail)?;
    if (&digest, size) == (&blob.digest, blob.size) {
        Ok(())
    } else {
        Err(ActionError::transient(format!("the image store took {digest} where {} was given", blob.digest)))
    }
}

/// Ends early when the attempt must stop.
struct Stoppable<R> {
    inner: R,
    cancel: CancellationToken,
}

impl<R: Read> Read for Stoppable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("the attempt was stopped"));
        }
        self.inner.read(buffer)
    }
}
