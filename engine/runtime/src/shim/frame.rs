//! What runner and shim say to each other: JSON behind a length, over a Unix socket.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Largest frame: a tool's standard input travels in one.
const MAX_FRAME: usize = 64 * 1024 * 1024;

/// Bytes that need not be text, such as arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn of(text: impl AsRef<OsStr>) -> Self {
        Self(text.as_ref().as_bytes().to_vec())
    }

    pub(super) fn into_os(self) -> OsString {
        OsString::from_vec(self.0)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Bounds that the kernel keeps for the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rlimits {
    /// Open files.
    pub(super) files: u64,
    /// Bytes of one file.
    pub(super) file_bytes: u64,
    /// Processes and threads of the user.
    pub(super) processes: u64,
    /// Bytes of address space; 0 for no bound.
    pub(super) memory_bytes: u64,
}

/// A tool to run: all that the shim knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) program: Bytes,
    pub(super) args: Vec<Bytes>,
    pub(super) env: Vec<(String, Bytes)>,
    pub(super) dir: Bytes,
    pub(super) stdin: Option<Bytes>,
    pub(super) rlimits: Rlimits,
    pub(super) grace_millis: u64,
    /// Where the shim writes down who it is and what lives below it.
    pub(super) record: Bytes,
}

/// What the runner asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Order {
    Run(Box<Spec>),
    Stop,
}

/// What the shim answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The tool could not be started.
    Refused { reason: String, missing: bool },
    /// Something of the shim's own failed; it goes on. Any number of these come before the last report.
    Trouble { reason: String },
    /// The tool has ended, and nothing that it started is alive, except `survivors`.
    Ended { code: Option<i32>, signal: Option<i32>, usage: Usage, survivors: Vec<i32> },
}

/// What the tool and all below it have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Usage {
    pub(super) user_millis: i64,
    pub(super) system_millis: i64,
    pub(super) max_rss_kib: i64,
}

/// The bytes of a frame.
pub(super) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(io::Error::other(format!(
            "arguments, environment and standard input take {length} bytes, more than {MAX_FRAME}"
        )));
    }
    let length = u32::try_from(length).map_err(io::Error::other)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

/// Writes a frame and waits until it is written.
pub(super) fn write<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    to.write_all(&encode(message)?)
}

fn checked(length: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of the shim is too long"));
    }
    Ok(length)
}

/// Reads a frame; none at the end.
pub(super) fn read<T: DeserializeOwned>(mut from: impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut body = vec![0; checked(length)?];
    from.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

/// Reads a frame without blocking a thread; none at the end.
pub(super) async fn read_async<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let mut body = vec![0; checked(length)?];
    from.read_exact(&mut body).await?;
    Ok(Some(serde_json::from_slice(&body)?))
}
