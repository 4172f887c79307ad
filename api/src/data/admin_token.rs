//! The admin's token: made at the first start, a file of mode 0600; the database knows only its hash.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::private_file::{random, read, write};
use super::{DataError, DataFolder};

/// So that a token is recognised where it leaks.
const PREFIX: &str = "ifat_";

/// The token of user `admin`. Never printed.
pub struct AdminToken {
    text: Zeroizing<String>,
    /// Whether it was made just now.
    pub fresh: bool,
}

impl AdminToken {
    /// The token in the folder; made where there is none.
    ///
    /// # Errors
    /// When the file cannot be used, is readable by others, or holds no token.
    pub fn ensure(folder: &DataFolder) -> Result<Self, DataError> {
        if let Some(token) = Self::load(folder)? {
            return Ok(token);
        }
        let text = Zeroizing::new(format!("{PREFIX}{}", hex::encode(random::<32>()?.as_slice())));
        write(&folder.admin_token(), format!("{}\n", *text).as_bytes())?;
        Ok(Self { text, fresh: true })
    }

    /// The token in the folder, if there is one.
    ///
    /// # Errors
    /// When the file cannot be used, is readable by others, or holds no token.
    pub fn load(folder: &DataFolder) -> Result<Option<Self>, DataError> {
        let path = folder.admin_token();
        let Some(content) = read(&path)? else { return Ok(None) };
        let text = std::str::from_utf8(&content).map(str::trim).unwrap_or_default();
        // Shorter ones could be guessed, and somebody may have truncated the file.
        if text.len() < 32 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let reason = "it must hold a token of at least 32 characters; remove it to have a new one made";
            return Err(DataError::Damaged { path, reason: reason.to_owned() });
        }
        Ok(Some(Self { text: Zeroizing::new(text.to_owned()), fresh: false }))
    }

    /// The token itself, for a header.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What the database knows of it.
    pub fn hash(&self) -> String {
        token_hash(&self.text)
    }
}

/// SHA-256 of a token, in hexadecimal. Tokens are random, so that no slow hash is needed.
pub fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_token_is_made_once_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(folder.path()).unwrap();
        let first = AdminToken::ensure(&folder).unwrap();
        assert!(first.fresh);
        let again = AdminToken::ensure(&folder).unwrap();
        assert!(!again.fresh);
        assert_eq!(first.expose(), again.expose());
        let mode = std::fs::metadata(folder.admin_token()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(folder.admin_token(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(AdminToken::ensure(&folder), Err(DataError::Exposed { .. })));
    }
}
