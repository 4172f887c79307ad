//! From a tar to a layer: gzip with a fixed header, hashed on both sides in one pass.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use serde_json::{Value as Json, json};
use vocab::{Algorithm, Digest, Hasher};

/// What a manifest says about a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    /// In bytes.
    pub(crate) size: u64,
}

impl Descriptor {
    pub(crate) fn json(&self) -> Json {
        json!({ "mediaType": self.media_type, "digest": self.digest.to_string(), "size": self.size })
    }
}

/// A layer as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The blob: digest and size of the compressed bytes.
    pub(crate) blob: Descriptor,
    /// Digest of the tar inside, which the image's config names.
    pub(crate) diff_id: Digest,
}

/// A gzip'ed tar as a layer.
pub(crate) const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A tar as a layer.
pub(crate) const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

/// Level 6 costs twice the time of level 1 and saves a sixth of the bytes. It is part of every digest: a change
/// makes all layers new.
const LEVEL: u32 = 6;

/// Takes a tar and writes the layer to a file. Blocks.
///
/// The header carries no name and no time, so equal tars give equal blobs.
pub(crate) struct LayerWriter {
    encoder: GzEncoder<Hashed<BufWriter<File>>>,
    plain: Hasher,
}

impl LayerWriter {
    /// Writes to the file `target`, which must not exist.
    pub(crate) fn create(target: &Path) -> io::Result<Self> {
        let file = Hashed::new(BufWriter::new(File::create_new(target)?));
        let encoder = GzBuilder::new().mtime(0).operating_system(255).write(file, Compression::new(LEVEL));
        Ok(Self { encoder, plain: Hasher::new(Algorithm::Sha256) })
    }

    /// Ends the layer.
    pub(crate) fn finish(self) -> io::Result<Layer> {
        let (digest, size) = self.encoder.finish()?.finish()?;
        Ok(Layer {
            blob: Descriptor { media_type: GZIP.to_owned(), digest, size },
            diff_id: self.plain.finish(),
        })
    }
}

impl Write for LayerWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.encoder.write(bytes)?;
        self.plain.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

/// Counts and hashes what passes.
struct Hashed<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new(Algorithm::Sha256), size: 0 }
    }

    fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.inner.flush()?;
        Ok((self.hasher.finish(), self.size))
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_tars_give_equal_blobs_and_the_blob_is_what_its_digest_says() {
        let folder = tempfile::tempdir().unwrap();
        let tar = b"not a tar, but the writer does not look".repeat(10_000);
        let write = |name: &str, piece: usize| {
            let mut layer = LayerWriter::create(&folder.path().join(name)).unwrap();
            tar.chunks(piece).for_each(|bytes| layer.write_all(bytes).unwrap());
            layer.finish().unwrap()
        };
        let (one, two) = (write("one", tar.len()), write("two", 1000));
        assert_eq!(one, two);
        let bytes = std::fs::read(folder.path().join("one")).unwrap();
        assert_eq!((Digest::of(&bytes), bytes.len() as u64), (one.blob.digest, one.blob.size));
        assert_eq!(one.diff_id, Digest::of(&tar));
        // Magic, deflate, no flags, no time, an encoder that does not say how hard it tried, no system.
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }
}
