//! What a project's settings must be like.

use crate::problem::{Problem, ProblemKind};

/// Shorter secrets can be guessed.
const LEAST_SECRET: usize = 16;
const MOST_SECRET: usize = 256;

/// The URL of a repository: https, http, ssh, git or file, without credentials, or `user@host:path`.
pub(super) fn url(text: &str) -> Result<String, Problem> {
    let refuse = |why: &str| {
        Problem::new(ProblemKind::Invalid, format!("the repository's URL {why}"))
            .help("use `https://HOST/PATH`, `ssh://USER@HOST/PATH`, `USER@HOST:PATH`, or `file:///PATH` below a configured root")
    };
    if text.len() > 2048 || text.chars().any(|c| c.is_control() || c.is_whitespace()) || text.starts_with('-') {
        return Err(refuse("is too long, or holds blanks or control characters"));
    }
    match reqwest::Url::parse(text) {
        Ok(url) if url.password().is_some() => Err(refuse("holds a password, which would end in logs")),
        Ok(url) if matches!(url.scheme(), "http" | "https") && !url.username().is_empty() => {
            Err(refuse("holds credentials, which would end in logs"))
        }
        Ok(url) if matches!(url.scheme(), "http" | "https" | "ssh" | "file") => Ok(text.to_owned()),
        // `git@host:path` is no URL; `Url` reads some of its forms as an unknown scheme.
        _ if is_scp_like(text) => Ok(text.to_owned()),
        _ => Err(refuse("has a scheme that is not known")),
    }
}

fn is_scp_like(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    text.split_once(':').is_some_and(|(place, path)| {
        !path.is_empty()
            && !path.starts_with("//")
            && place.split_once('@').is_some_and(|(user, host)| word(user) && word(host) && !host.starts_with('-'))
    })
}

/// A webhook's secret.
pub(super) fn secret(text: &str) -> Result<(), Problem> {
    if (LEAST_SECRET..=MOST_SECRET).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let rule = format!("the webhook's secret must have {LEAST_SECRET} to {MOST_SECRET} characters");
    Err(Problem::new(ProblemKind::Invalid, rule).help("leave it out to have one made"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_credentials_or_tricks_are_refused() {
        for good in
            ["https://git.example/a.git", "ssh://git@host/a", "git@host:team/a.git", "file:///srv/git/a.git"]
        {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "--upload-pack=x",
            "https://user:word@host/a",
            "https://token@host/a",
            "ext::sh -c x",
            "ext::sh",
            "git@-oProxyCommand=x:a",
            "/srv/git/a",
            "javascript:x",
            "https://host/a\nb",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn short_secrets_are_refused() {
        assert!(secret("0123456789abcdef").is_ok());
        assert!(secret("short").is_err());
    }
}
