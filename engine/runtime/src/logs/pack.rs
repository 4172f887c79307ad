//! A log as it is stored: gzip, so that any tool reads it. Packed and unpacked as it flows, never as a whole.

use std::fs::File;
use std::io::{self, Cursor, Read as _, Write as _};

use engine_ports::ByteStream;
use flate2::Compression;
use flate2::read::GzEncoder;
use flate2::write::GzDecoder;
use futures::stream;
use tokio::io::AsyncReadExt as _;
use tokio::task::spawn_blocking;
use tokio_util::io::StreamReader;

/// Bytes packed at once.
const CHUNK: usize = 64 * 1024;
/// Packed bytes unpacked at once: a text that repeats itself grows a thousandfold.
const PACKED: usize = 2 * 1024;

/// The first `bytes` of the file, packed. Equal texts give equal bytes: no time and no name goes in.
///
/// What somebody appends meanwhile is left out: the encoder never ends when there is more after the end.
pub(super) fn packed(file: File, bytes: u64) -> ByteStream {
    let encoder = GzEncoder::new(file.take(bytes), Compression::default());
    let chunks = stream::try_unfold(encoder, |mut encoder| async move {
        let packed = spawn_blocking(move || {
            let mut chunk = vec![0; CHUNK];
            let count = encoder.read(&mut chunk)?;
            chunk.truncate(count);
            Ok::<_, io::Error>((count > 0).then(|| (Cursor::new(chunk), encoder)))
        });
        packed.await.map_err(io::Error::other)?
    });
    Box::pin(StreamReader::new(Box::pin(chunks)))
}

/// Reads a stored log.
pub(super) struct Unpacked {
    stream: ByteStream,
    decoder: GzDecoder<Vec<u8>>,
    /// How much of the text is still passed over.
    skip: u64,
}

impl Unpacked {
    /// The text from `offset` on.
    pub(super) fn new(stream: ByteStream, offset: u64) -> Self {
        Self { stream, decoder: GzDecoder::new(Vec::new()), skip: offset }
    }

    /// The next piece of the text; empty at its end.
    pub(super) async fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut packed = [0; PACKED];
        loop {
            let count = self.stream.read(&mut packed).await?;
            if count == 0 {
                self.decoder.try_finish()?;
            } else {
                self.decoder.write_all(&packed[..count])?;
            }
            let mut text = std::mem::take(self.decoder.get_mut());
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(text.len());
            self.skip -= passed as u64;
            text.drain(..passed);
            if count == 0 || !text.is_empty() {
                return Ok(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use super::*;

    async fn stored(text: &[u8]) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        packed(file, text.len() as u64).read_to_end(&mut bytes).await.unwrap();
        bytes
    }

    async fn unpacked(bytes: Vec<u8>, offset: u64) -> io::Result<Vec<u8>> {
        let mut reader = Unpacked::new(Box::pin(Cursor::new(bytes)), offset);
        let mut text = Vec::new();
        loop {
            let piece = reader.next().await?;
            if piece.is_empty() {
                return Ok(text);
            }
            text.extend(piece);
        }
    }

    #[tokio::test]
    async fn a_log_comes_back_from_every_offset() {
        let text: Vec<u8> =
            (0..300_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let bytes = stored(&text).await;
        for offset in [0, 1, 65_536, text.len() - 1, text.len(), text.len() + 9] {
            let rest = text.get(offset..).unwrap_or_default();
            assert!(unpacked(bytes.clone(), offset as u64).await.unwrap() == rest, "from {offset}");
        }
        assert_eq!(unpacked(stored(b"").await, 0).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn equal_texts_are_equal_content_and_repetition_is_small() {
        let text = "Unpacking libc6 ...\n".repeat(100_000);
        let bytes = stored(text.as_bytes()).await;
        assert_eq!(bytes, stored(text.as_bytes()).await);
        assert!(bytes.len() < text.len() / 100, "{}", bytes.len());
    }

    #[tokio::test]
    async fn a_cut_log_is_an_error_and_no_end() {
        let mut bytes = stored(b"some text").await;
        bytes.truncate(bytes.len() - 3);
        assert!(unpacked(bytes, 0).await.is_err());
    }
}
