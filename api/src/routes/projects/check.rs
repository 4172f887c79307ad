//! What a project's settings must be like.

use engine_ports::StepSettings;
use vocab::SecretRef;

use crate::adapters::is_secret_name;
use crate::problem::{Problem, ProblemKind};

/// Shorter secrets can be guessed.
const LEAST_SECRET: usize = 16;
const MOST_SECRET: usize = 256;
const MOST_URL: usize = 2048;

/// The URL of a repository that `git/fetch` takes, without credentials.
pub(super) fn url(text: &str, settings: &StepSettings) -> Result<String, Problem> {
    if text.len() > MOST_URL || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Problem::new(
            ProblemKind::Invalid,
            "the URL is too long, or holds blanks or control characters",
        ));
    }
    match steps_source::check_url(text, settings) {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => {
            let problem = Problem::new(ProblemKind::Invalid, error.message);
            Err(match error.help {
                Some(help) => problem.help(help),
                None => problem,
            })
        }
    }
}

/// The name of a secret for the repository. Whether there is one shows when it is used: it may come later.
pub(super) fn credentials(name: String) -> Result<SecretRef, Problem> {
    if is_secret_name(&name) {
        return Ok(SecretRef(name));
    }
    let rule = "a secret's name has 1 to 128 letters, digits, `_`, `.` and `-`, and begins with no `.`";
    Err(Problem::new(ProblemKind::Invalid, rule).help("give the name of the secret, never the secret itself"))
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
        let take = |text: &str| url(text, &StepSettings::default());
        assert!(take("https://git.example/a.git").is_ok());
        assert!(take("ssh://git@host/a").is_ok());
        for bad in [
            "",
            "--upload-pack=x",
            "https://user:word@host/a",
            "ext::sh -c x",
            "ext::sh",
            "https://host/a\nb",
        ] {
            assert!(take(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_of_credentials_cannot_leave_the_folder_of_secrets() {
        assert_eq!(credentials("git-token".to_owned()).unwrap(), SecretRef("git-token".to_owned()));
        for bad in ["", "../default/token", ".token", "a b"] {
            assert!(credentials(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn short_secrets_are_refused() {
        assert!(secret("0123456789abcdef").is_ok());
        assert!(secret("short").is_err());
    }
}
