//! Seals secrets that lie in the database, so that a copy of the database alone tells none.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::private_file::{random, read, write};
use super::{DataError, DataFolder};

/// First byte of a sealed secret: how the rest is to be read.
const FORM: u8 = 1;

/// Why a sealed secret cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a sealed secret cannot be opened: it belongs to another `secret.key`, or was changed; set the secret again"
)]
pub struct SealError;

/// Seals and opens with the key of the data folder (`ChaCha20-Poly1305`, a random nonce for each secret).
pub struct Sealer(LessSafeKey);

impl Sealer {
    /// The sealer of a folder; its key is made where there is none.
    ///
    /// # Errors
    /// When the key file cannot be used, is readable by others, or holds no key.
    pub fn ensure(folder: &DataFolder) -> Result<Self, DataError> {
        let path = folder.secret_key();
        let key = if let Some(key) = read(&path)? {
            key
        } else {
            let key = Zeroizing::new(random::<32>()?.to_vec());
            write(&path, &key)?;
            key
        };
        UnboundKey::new(&CHACHA20_POLY1305, &key).map(|key| Self(LessSafeKey::new(key))).map_err(|_| {
            DataError::Damaged { path, reason: "it must hold 32 bytes; restore it from a backup".to_owned() }
        })
    }

    /// Seals `secret` for one `place`: it can be opened only for the same.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn seal(&self, place: &str, secret: &[u8]) -> Result<Vec<u8>, DataError> {
        let nonce = *random::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(secret.to_vec());
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
            .map_err(|_| DataError::NoRandomness("the secret is too long to be sealed".to_owned()))?;
        Ok([&[FORM][..], &nonce, &text, tag.as_ref()].concat())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// When it was sealed with another key or for another place, or was changed.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let [FORM, rest @ ..] = sealed else { return Err(SealError) };
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(place), &mut text).map_err(|_| SealError)?.len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_was_sealed_for() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(folder.path()).unwrap();
        let sealed = Sealer::ensure(&folder).unwrap().seal("project/1", b"word").unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"word"));
        let later = Sealer::ensure(&folder).unwrap();
        assert_eq!(later.open("project/1", &sealed).unwrap().as_slice(), b"word");
        assert_eq!(later.open("project/2", &sealed).err(), Some(SealError));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        for broken in [&changed[..], &sealed[..5], &[][..]] {
            assert_eq!(later.open("project/1", broken).err(), Some(SealError));
        }
    }
}
