//! The signature of a webhook: HMAC-SHA-256 over the body as it came, checked before anything is parsed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Whether `header` (`sha256=HEX`, of `X-Hub-Signature-256`) signs `body` with `secret`. Takes the same time
/// wherever the signature differs.
pub(crate) fn is_signed(secret: &[u8], header: Option<&str>, body: &[u8]) -> bool {
    let claimed =
        header.and_then(|header| header.strip_prefix("sha256=")).and_then(|hex| hex::decode(hex).ok());
    // Computed in any case, so that a missing header takes as long as a wrong one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    mac.update(body);
    mac.verify_slice(&claimed.unwrap_or_default()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of GitHub's documentation on validating deliveries.
    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

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
            assert!(!is_signed(SECRET, header, BODY), "{header:?}");
        }
    }
}
