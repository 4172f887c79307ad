//! Finds secrets in a line, also in the encodings in which tools print them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

use super::clean::clean;

/// What stands in place of a secret.
const STARS: &str = "***";
/// A shorter secret has no encodings worth a search: they would hit half of all text.
const ENCODED_FROM: usize = 4;
/// Widths at which tools wrap base64.
const WRAPS: [usize; 2] = [64, 76];

/// The secrets that a log knows. Prints none of them.
#[derive(Default)]
pub(super) struct Mask {
    patterns: BTreeSet<String>,
    search: Option<AhoCorasick>,
    longest: usize,
}

impl Mask {
    /// Learns a secret.
    pub(super) fn add(&mut self, secret: &str) {
        let before = self.patterns.len();
        self.patterns.extend(variants(secret));
        if self.patterns.len() == before {
            return;
        }
        self.longest = self.patterns.iter().map(String::len).max().unwrap_or(0);
        // Standard matching reports overlaps: two secrets that share characters are both covered whole.
        self.search = AhoCorasickBuilder::new().match_kind(MatchKind::Standard).build(&self.patterns).ok();
        debug_assert!(self.search.is_some(), "plain patterns always build");
    }

    /// The first `keep` bytes of `line`, masked, and whether something was cut. A secret that begins before the cut
    /// is masked whole.
    pub(super) fn apply<'a>(&self, line: &'a str, keep: usize) -> (Cow<'a, str>, bool) {
        let cut = line.len() > keep;
        let end = floor(line, keep.min(line.len()));
        if self.patterns.is_empty() {
            return (Cow::Borrowed(&line[..end]), cut);
        }
        let Some(search) = &self.search else {
            // Without a search nothing can be told apart from a secret.
            return (Cow::Borrowed(STARS), cut);
        };
        let window = floor(line, (end + self.longest).min(line.len()));
        let mut hits: Vec<_> = search
            .find_overlapping_iter(&line[..window])
            .map(|hit| (hit.start(), hit.end()))
            .filter(|(start, _)| *start < end)
            .collect();
        if hits.is_empty() {
            return (Cow::Borrowed(&line[..end]), cut);
        }
        hits.sort_unstable();
        let mut out = String::with_capacity(end);
        let mut done = 0;
        for (start, stop) in hits {
            if start >= done {
                out.push_str(&line[done..start]);
                out.push_str(STARS);
            }
            done = done.max(stop);
        }
        if done < end {
            out.push_str(&line[done..end]);
        }
        (Cow::Owned(out), cut)
    }
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Every form of a secret that may appear in a line.
fn variants(secret: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // Lines are written one by one, so a secret of several lines is known by each of them.
    let lines: Vec<_> = secret.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let whole = lines.len() == 1;
    found.extend(
        lines.iter().filter(|line| whole || line.len() >= ENCODED_FROM).map(|line| (*line).to_owned()),
    );
    for form in [secret, secret.trim()] {
        if form.len() < ENCODED_FROM {
            continue;
        }
        found.extend(base64_forms(form.as_bytes()));
        for upper in [true, false] {
            found.insert(percent(form, upper, false));
            found.insert(percent(form, upper, true));
        }
        let json = serde_json::Value::from(form).to_string();
        found.insert(json[1..json.len() - 1].to_owned());
    }
    found.into_iter().map(|form| clean(&form).into_owned()).filter(|form| !form.is_empty()).collect()
}

/// Base64 of the secret, also in the middle of a longer text, where it begins at any of three alignments; and in
/// the pieces into which tools wrap it.
fn base64_forms(secret: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for shift in 0..3 {
        let mut shifted = vec![0; shift];
        shifted.extend_from_slice(secret);
        // Characters that depend on the secret alone.
        let (first, last) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoded in [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)] {
            if shift == 0 {
                for width in WRAPS {
                    let pieces = encoded.as_bytes().chunks(width).map(String::from_utf8_lossy);
                    found.extend(pieces.filter(|piece| piece.len() >= 8).map(Cow::into_owned));
                }
            }
            if last.saturating_sub(first) >= ENCODED_FROM {
                found.push(encoded[first..last].to_owned());
            }
        }
    }
    found
}

/// The secret as it stands in a URL, or (`form`) in the body of a form.
fn percent(secret: &str, upper: bool, form: bool) -> String {
    let mut out = String::with_capacity(secret.len() * 3);
    for byte in secret.bytes() {
        let written = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
                Ok(())
            }
            b' ' if form => {
                out.push('+');
                Ok(())
            }
            _ if upper => write!(out, "%{byte:02X}"),
            _ => write!(out, "%{byte:02x}"),
        };
        debug_assert!(written.is_ok(), "a string takes every write");
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

    use super::*;

    fn masked(secrets: &[&str], line: &str) -> String {
        let mut mask = Mask::default();
        for secret in secrets {
            mask.add(secret);
        }
        mask.apply(line, 10_000).0.into_owned()
    }

    const SECRET: &str = "p4ss/wörd+with \"quotes\"?";

    #[test]
    fn a_secret_is_masked_as_it_is() {
        assert_eq!(masked(&["hunter2"], "login hunter2, hunter2hunter2."), "login ***, ******.");
        assert_eq!(masked(&["x1"], "x1"), "***");
        assert_eq!(masked(&["", "  "], "nothing to hide"), "nothing to hide");
    }

    #[test]
    fn a_secret_is_masked_in_its_usual_encodings() {
        let json = serde_json::Value::from(SECRET).to_string();
        for text in [
            BASE64_STANDARD.encode(SECRET),
            BASE64_URL_SAFE.encode(SECRET),
            BASE64_STANDARD.encode(format!("user:{SECRET}")),
            BASE64_STANDARD.encode(format!("me:{SECRET}:tail")),
            percent(SECRET, true, false),
            percent(SECRET, false, true),
            json,
        ] {
            let line = masked(&[SECRET], &format!("before {text} after"));
            assert!(
                line.starts_with("before ") && line.ends_with(" after") && line.contains("***"),
                "{line}"
            );
            // What little of base64 belongs to the neighbours may stay.
            assert!(line.len() < "before *** after".len() + 16, "{line}");
        }
    }

    #[test]
    fn every_line_of_a_key_is_masked() {
        let key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nq83v\n-----END KEY-----\n";
        for line in key.lines() {
            assert_eq!(masked(&[key], &format!("| {line}")), "| ***");
        }
    }

    #[test]
    fn wrapped_base64_of_a_long_secret_is_masked_line_by_line() {
        let secret = "0123456789abcdefghij".repeat(12);
        let encoded = BASE64_STANDARD_NO_PAD.encode(&secret);
        for width in WRAPS {
            for piece in encoded.as_bytes().chunks(width) {
                assert_eq!(masked(&[&secret], std::str::from_utf8(piece).unwrap()), "***");
            }
        }
    }

    #[test]
    fn secrets_that_overlap_are_covered_whole() {
        assert_eq!(masked(&["abcdef", "defghi"], "<abcdefghi>"), "<***>");
        assert_eq!(masked(&["abcd", "abcdefgh"], "<abcdefgh>"), "<***>");
    }

    #[test]
    fn a_secret_at_the_cut_does_not_show_its_beginning() {
        let mut mask = Mask::default();
        mask.add("hunter2hunter2");
        assert_eq!(mask.apply("12345hunter2hunter2", 10), (Cow::Borrowed("12345***"), true));
        assert_eq!(mask.apply("12345", 5), (Cow::Borrowed("12345"), false));
    }
}
