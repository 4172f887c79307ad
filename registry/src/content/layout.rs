//! OCI image layouts: the folder form of an image, as other tools read and write it.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use vocab::Digest;

use super::{Content, files};
use crate::Error;
use crate::model::{Descriptor, Manifest, OCI_INDEX, Role, digest_as, kind_of};

/// The version of the layout that is read and written.
const VERSION: &str = "1.0.0";
/// Bound of `index.json` and `oci-layout`, in bytes.
const INDEX_BYTES: u64 = 4 << 20;
/// How deep indexes may hold indexes. Real ones have one level.
const DEPTH: usize = 8;

/// The annotation that names an image inside a layout.
const NAME: &str = "org.opencontainers.image.ref.name";

#[derive(Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

impl Content {
    /// Takes in the one image of a layout folder, with all that it needs, each blob checked against its digest
    /// and size. What was taken is safe from a sweep for the lease; hold the image before that ends.
    ///
    /// # Errors
    /// [`Error::Layout`] when the folder is no layout, holds none or several images, refers to what it does not
    /// hold, or holds links instead of files; [`Error::DigestMismatch`], [`Error::SizeMismatch`].
    pub async fn import_layout(&self, folder: &Path) -> Result<Descriptor, Error> {
        let layout = Layout::open(folder).await?;
        let mut images = layout.images().await?;
        match (images.pop(), images.len()) {
            (Some(image), 0) => self.import(&layout, image, 0).await,
            (None, _) => Err(layout.refuse("its index.json names no image")),
            (Some(_), more) => {
                Err(layout.refuse(&format!("its index.json names {} images; give one", more + 1)))
            }
        }
    }

    /// Takes in one manifest after all that it needs.
    async fn import(&self, layout: &Layout, image: Descriptor, depth: usize) -> Result<Descriptor, Error> {
        if depth > DEPTH {
            return Err(layout.refuse("its indexes are nested too deep"));
        }
        if kind_of(&image.media_type).is_none() {
            return Err(layout.refuse(&format!("`{}` is no type of an image", image.media_type)));
        }
        let bytes = layout.read(layout.blob(&image.digest), self.settings().manifest_bytes).await?;
        let found = digest_as(image.digest.algorithm(), &bytes);
        if found != image.digest {
            return Err(Error::DigestMismatch { expected: image.digest, found });
        }
        let found = bytes.len() as u64;
        if found != image.size {
            return Err(Error::SizeMismatch { expected: image.size, found });
        }
        let manifest = Manifest::parse(&bytes, &image.media_type)?;
        let index: Option<Index> = serde_json::from_slice(&bytes).ok();
        for child in index.map(|index| index.manifests).unwrap_or_default() {
            Box::pin(self.import(layout, child, depth + 1)).await?;
        }
        for part in manifest.references.iter().filter(|part| part.role == Role::Blob) {
            let blob = self.put_file(&layout.blob(&part.digest), Some(&part.digest)).await?;
            if blob.size != part.size {
                return Err(Error::SizeMismatch { expected: part.size, found: blob.size });
            }
        }
        self.put_manifest_as(bytes, &image.media_type, image.digest.algorithm()).await
    }

    /// Writes the image `digest` as a layout into `folder`, which is made or empty, under the name `tag`. Blobs
    /// are reflinks where the file system can, else copies.
    ///
    /// # Errors
    /// [`Error::UnknownContent`]; [`Error::Layout`] when the folder holds something already.
    pub async fn export_layout(
        &self,
        digest: &Digest,
        folder: &Path,
        tag: Option<&str>,
    ) -> Result<(), Error> {
        let parts = self.closure(digest).await?;
        let root =
            self.manifest(digest).await?.ok_or_else(|| Error::UnknownContent { digest: digest.clone() })?;
        let layout = Layout::create(folder).await?;
        for part in &parts {
            let to = layout.blob(&part.digest);
            match part.role {
                Role::Blob => self.copy_to(&part.digest, &to).await?,
                Role::Manifest => {
                    let unknown = || Error::UnknownContent { digest: part.digest.clone() };
                    let manifest = self.manifest(&part.digest).await?.ok_or_else(unknown)?;
                    layout.write(to, manifest.bytes).await?;
                }
            }
        }
        let mut image = Descriptor::new(root.media_type, root.digest, root.bytes.len() as u64);
        image.annotations = tag.map(|tag| [(NAME.to_owned(), tag.into())].into_iter().collect());
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [image] });
        layout.write(layout.folder.join("index.json"), index.to_string().into()).await?;
        // The marker comes last: a folder without it is no layout.
        let marker = json!({ "imageLayoutVersion": VERSION });
        layout.write(layout.folder.join("oci-layout"), marker.to_string().into()).await
    }
}

/// A layout's folder.
struct Layout {
    folder: PathBuf,
}

impl Layout {
    async fn open(folder: &Path) -> Result<Self, Error> {
        let layout = Self { folder: folder.to_owned() };
        let marker = layout.read(folder.join("oci-layout"), INDEX_BYTES).await?;
        let marker: Marker = serde_json::from_slice(&marker)
            .map_err(|error| layout.refuse(&format!("its oci-layout file cannot be read: {error}")))?;
        if marker.version != VERSION {
            let version = marker.version.chars().take(40).collect::<String>();
            return Err(layout.refuse(&format!("it is of version {version}, and only {VERSION} is known")));
        }
        // A digest names a file inside these folders; were they links, it would be a file elsewhere.
        for part in ["blobs", "blobs/sha256", "blobs/sha512"] {
            let linked = folder.join(part).symlink_metadata().is_ok_and(|found| found.is_symlink());
            if linked {
                return Err(layout.refuse(&format!("its folder {part} is a link")));
            }
        }
        Ok(layout)
    }

    async fn create(folder: &Path) -> Result<Self, Error> {
        let layout = Self { folder: folder.to_owned() };
        let blobs = folder.join("blobs");
        let root = folder.to_owned();
        let occupied = spawn_blocking(move || {
            fs::create_dir_all(&root).map_err(Error::file("create", &root))?;
            let mut entries = fs::read_dir(&root).map_err(Error::file("list", &root))?;
            if entries.next().is_some() {
                return Ok(true);
            }
            for shard in ["sha256", "sha512"] {
                let shard = blobs.join(shard);
                let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(&shard);
                made.map_err(Error::file("create", &shard))?;
            }
            Ok::<_, Error>(false)
        });
        if occupied.await?? { Err(layout.refuse("it holds something already")) } else { Ok(layout) }
    }

    async fn images(&self) -> Result<Vec<Descriptor>, Error> {
        let bytes = self.read(self.folder.join("index.json"), INDEX_BYTES).await?;
        let index: Index = serde_json::from_slice(&bytes)
            .map_err(|error| self.refuse(&format!("its index.json cannot be read: {error}")))?;
        Ok(index.manifests)
    }

    /// The place of a digest. A digest is a known algorithm and hexadecimal digits, so it cannot lead elsewhere.
    fn blob(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// Reads a small regular file.
    async fn read(&self, path: PathBuf, limit: u64) -> Result<Bytes, Error> {
        let shown = path.strip_prefix(&self.folder).unwrap_or(&path).display().to_string();
        let read = spawn_blocking(move || {
            let mut bytes = Vec::new();
            // One more than allowed is enough to see that it is too much.
            let mut file = files::open_regular(&path)?.take(limit.saturating_add(1));
            file.read_to_end(&mut bytes).map(|_| bytes)
        });
        match read.await? {
            Ok(bytes) if bytes.len() as u64 <= limit => Ok(bytes.into()),
            Ok(_) => Err(self.refuse(&format!("{shown} is larger than {limit} bytes"))),
            Err(error) => Err(self.refuse(&format!("{shown} cannot be read: {error}"))),
        }
    }

    async fn write(&self, path: PathBuf, bytes: Bytes) -> Result<(), Error> {
        let written = spawn_blocking(move || fs::write(&path, &bytes).map_err(Error::file("write", &path)));
        written.await?
    }

    fn refuse(&self, reason: &str) -> Error {
        Error::Layout { path: self.folder.clone(), reason: reason.to_owned() }
    }
}
