//! The signature of a webhook: HMAC-SHA-256 over the body as it came, checked before anything is parsed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The bytes of SHA-256.
const BYTES: usize = 32;

/// A signature as somebody claims it: `sha256=HEX`, of `X-Hub-Signature-256`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claimed([u8; BYTES]);

impl Claimed {
    /// The signature of a header; `None` where it is missing or cannot be one, whatever the body is.
    pub(crate) fn read(header: Option<&str>) -> Option<Self> {
        let digits = header?.strip_prefix("sha256=")?;
        let mut claimed = [0; BYTES];
        hex::decode_to_slice(digits, &mut claimed).ok()?;
        Some(Self(claimed))
    }

    /// Begins to check it against a body that is still to come; `None` where the secret is no key.
    pub(crate) fn check(self, secret: &[u8]) -> Option<Checking> {
        let mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        Some(Checking { mac, claimed: self })
    }
}

/// A signature that is checked while the body comes.
pub(crate) struct Checking {
    mac: Hmac<Sha256>,
    claimed: Claimed,
}

impl Checking {
    /// Takes the next part of the body.
    pub(crate) fn update(&mut self, part: &[u8]) {
        self.mac.update(part);
    }

    /// Whether the signature is that of the body. Takes the same time wherever it differs.
    pub(crate) fn holds(self) -> bool {
        self.mac.verify_slice(&self.claimed.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of GitHub's documentation on validating deliveries.
    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn is_signed(secret: &[u8], header: Option<&str>, body: &[u8]) -> bool {
        Claimed::read(header).and_then(|claimed| claimed.check(secret)).is_some_and(|mut checking| {
            let (first, second) = body.split_at(body.len() / 2);
            checking.update(first);
            checking.update(second);
            checking.holds()
        })
    }

    #[test]
    fn the_published_example_verifies() {
        assert!(is_signed(SECRET, Some(SIGNATURE), BODY));
    }

    #[test]
    fn anything_else_does_not() {
        assert!(!is_signed(SECRET, Some(SIGNATURE), b"Hello, World?"));
        assert!(!is_signed(b"another", Some(SIGNATURE), BODY));
        let cut = &SIGNATURE[..SIGNATURE.len() - 2];
        let plain = SIGNATURE.trim_start_matches("sha256=");
        for header in [None, Some(""), Some("sha256="), Some("sha256=zz"), Some(cut), Some(plain)] {
            assert!(Claimed::read(header).is_none(), "{header:?}");
        }
    }
}
