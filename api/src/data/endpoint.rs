//! Where the server of a data folder can be reached: how client commands find it.

use serde::{Deserialize, Serialize};

use super::error::io;
use super::{DataError, DataFolder};

/// The content of `server.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// URL that reaches the server from this machine.
    pub url: String,
    /// Process id of the server.
    pub pid: u32,
}

impl Endpoint {
    /// Writes it down.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&self, folder: &DataFolder) -> Result<(), DataError> {
        let path = folder.endpoint();
        let partial = path.with_extension("partial");
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        std::fs::write(&partial, text).map_err(io("write", &partial))?;
        std::fs::rename(&partial, &path).map_err(io("rename", &partial))
    }

    /// What was written down last; `None` when no server ever was, or the last one ended well.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(folder: &DataFolder) -> Result<Option<Self>, DataError> {
        let path = folder.endpoint();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("read", &path)(error)),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| DataError::Damaged { path, reason: error.to_string() })
    }

    /// Forgets it: the server is gone.
    pub fn withdraw(folder: &DataFolder) {
        // Nothing depends on it: a client that follows a stale file cannot connect and says so.
        let _ = std::fs::remove_file(folder.endpoint());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_find_a_server_until_it_withdraws() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(folder.path()).unwrap();
        let endpoint = Endpoint { url: "http://127.0.0.1:1".to_owned(), pid: 1 };
        endpoint.announce(&folder).unwrap();
        assert_eq!(Endpoint::load(&folder).unwrap(), Some(endpoint));
        Endpoint::withdraw(&folder);
        assert_eq!(Endpoint::load(&folder).unwrap(), None);
    }
}
