//! Credentials in what is shown: URLs carry them, alone and in lists.

use serde_json::Value as Json;

const HIDDEN: &str = "***";

/// The value with the credentials of every text in it hidden.
pub(super) fn redact(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(hide_credentials(&text)),
        Json::Array(items) => items.into_iter().map(redact).collect(),
        Json::Object(entries) => Json::Object(
            entries.into_iter().map(|(name, value)| (hide_credentials(&name), redact(value))).collect(),
        ),
        other => other,
    }
}

/// `http://user:password@host` becomes `http://***@host`, wherever it stands in the text, and so does
/// `user:password@host`. Where it is not plain what is a credential, more is hidden rather than less.
pub(crate) fn hide_credentials(text: &str) -> String {
    let ends_word = |c: char| c.is_whitespace() || "|\"'`".contains(c);
    text.split_inclusive(ends_word)
        .map(|word| {
            let bare = word.trim_end_matches(ends_word);
            hide_in_word(bare) + &word[bare.len()..]
        })
        .collect()
}

/// A word is a URL, or several with commas between them.
fn hide_in_word(word: &str) -> String {
    let mut shown = String::new();
    let mut rest = word;
    while let Some(scheme) = rest.find("://") {
        let (before, url) = rest.split_at(scheme + "://".len());
        shown += hide_in_list(before).as_str();
        rest = match end_of_credentials(url) {
            Some(at) => {
                shown += HIDDEN;
                &url[at..]
            }
            None => url,
        };
    }
    shown += hide_in_list(rest).as_str();
    shown
}

/// Where the `@` behind the credentials of a URL stands, counted from behind its `://`.
fn end_of_credentials(url: &str) -> Option<usize> {
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    // A comma does not end it: passwords may hold one.
    authority.rfind('@').or_else(|| {
        // A password with a slash that should have been escaped: what seems to be the port is none.
        let port = authority.rsplit_once(':')?.1;
        let url = &url[..url.find("://").unwrap_or(url.len())];
        if port.bytes().all(|byte| byte.is_ascii_digit()) { None } else { url.rfind('@') }
    })
}

/// Hosts with commas between them, each perhaps with a user and a password.
fn hide_in_list(text: &str) -> String {
    let hide = |item: &str| match item.rsplit_once('@') {
        Some((user, host)) if user.contains(':') && !user.contains('/') => format!("{HIDDEN}@{host}"),
        _ => item.to_owned(),
    };
    text.split(',').map(hide).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_credential_of_a_text_is_hidden() {
        for (text, shown) in [
            ("http://u:p@a:1/x", "http://***@a:1/x"),
            (
                "https://u:p@a/x,https://v:q@b|https://w:r@c direct",
                "https://***@a/x,https://***@b|https://***@c direct",
            ),
            ("https://u:p@a,https://v:q@b,direct", "https://***@a,https://***@b,direct"),
            ("https://token@a,off", "https://***@a,off"),
            ("a.example,u:p@b.example,v:q@c:80", "a.example,***@b.example,***@c:80"),
            ("`http://u:p@a`, not \"v:q@b\"", "`http://***@a`, not \"***@b\""),
            ("http://u:p,q@a", "http://***@a"),
            ("http://u:p/q@a", "http://***@a"),
            ("http://u:p@q@a", "http://***@a"),
        ] {
            assert_eq!(hide_credentials(text), shown);
        }
    }

    #[test]
    fn what_is_no_credential_is_shown() {
        for text in [
            "",
            "https://a.example:8080/@scope/x@1",
            "https://a/x,https://b|direct",
            "git@git.example:team/x",
            "/srv/a:b@c",
            "localhost, 127.0.0.1,[::1]:80",
        ] {
            assert_eq!(hide_credentials(text), text);
        }
    }
}
