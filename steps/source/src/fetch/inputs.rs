//! What is to be fetched, from the inputs and the run's own source.

use engine_ports::{ActionError, StepContext};
use serde::Deserialize;
use steps_kit::field::Secret;
use vocab::{Inputs, SecretRef};

use crate::git::{check_commit, check_ref};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    url: Option<String>,
    #[serde(rename = "ref")]
    git_ref: Option<String>,
    commit: Option<String>,
    #[serde(default)]
    path: String,
    credentials: Option<Secret>,
    timestamp: i64,
}

/// A request that is complete and safe to hand to Git.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) at: At,
    /// Relative, without `.` and `..`; empty for the whole repository.
    pub(super) path: String,
    pub(super) credentials: Option<SecretRef>,
    pub(super) timestamp: i64,
}

/// Which commit is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// This one; the ref may lead to it.
    Commit { id: String, hint: Option<String> },
    /// Where this ref points.
    Ref(String),
}

/// Checks the inputs and fills in what the run knows.
pub(super) fn read(ctx: &StepContext, inputs: Inputs) -> Result<Request, ActionError> {
    let given: Given = steps_kit::inputs(inputs)?;
    if let Some(name) = &given.git_ref {
        check_ref(name)?;
    }
    let own = ctx.source.as_ref().filter(|own| given.url.as_ref().is_none_or(|url| *url == own.url));
    let Some(url) = given.url.or_else(|| own.map(|own| own.url.clone())) else {
        return Err(ActionError::permanent(
            "this run was not started by a commit, so there is nothing to fetch by itself",
        )
        .help("give the repository as `url`"));
    };
    let at = match (given.commit, given.git_ref, own) {
        (Some(id), hint, _) => At::Commit { id: check_commit(&id)?, hint },
        (None, Some(name), _) => At::Ref(name),
        (None, None, Some(own)) => {
            let hint = own.git_ref.clone().filter(|name| check_ref(name).is_ok());
            At::Commit { id: check_commit(&own.commit)?, hint }
        }
        (None, None, None) => At::Ref("HEAD".to_owned()),
    };
    // The project's own open its own repository alone.
    let credentials = given.credentials.map(|secret| secret.name().clone());
    let credentials = credentials.or_else(|| own.and_then(|own| own.credentials.clone()));
    Ok(Request { url, at, path: clean(&given.path)?, credentials, timestamp: given.timestamp })
}

/// A path inside the repository in its one form.
fn clean(path: &str) -> Result<String, ActionError> {
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    let fits = !path.starts_with('/') && path.len() <= 4096 && !path.contains('\0') && !names.contains(&"..");
    if fits {
        return Ok(names.join("/"));
    }
    let shown: String = path.chars().take(200).flat_map(char::escape_debug).collect();
    Err(ActionError::permanent(format!(
        "the path `{shown}` must be relative to the repository and without `..`"
    )))
}

#[cfg(test)]
mod tests {
    use engine_ports::RunSource;
    use steps_kit::harness::Harness;
    use steps_kit::outputs;

    use super::*;
    use crate::fetch::GitFetch;

    fn at(own: bool, given: Inputs) -> Result<At, ActionError> {
        request(own, given).map(|request| request.at)
    }

    fn request(own: bool, given: Inputs) -> Result<Request, ActionError> {
        let mut harness = Harness::new();
        harness.source = own.then(|| RunSource {
            project: "golden".parse().unwrap(),
            url: "https://host/golden".to_owned(),
            commit: "a".repeat(40),
            git_ref: Some("refs/heads/main".to_owned()),
            credentials: Some(SecretRef("own".to_owned())),
        });
        let mut given = given;
        given.insert("timestamp".to_owned(), 0.into());
        read(&harness.context(&GitFetch::new()), given)
    }

    #[test]
    fn with_nothing_given_the_runs_own_commit_is_taken() {
        let hint = Some("refs/heads/main".to_owned());
        assert_eq!(at(true, Inputs::new()).unwrap(), At::Commit { id: "a".repeat(40), hint });
        assert!(at(false, Inputs::new()).unwrap_err().help.is_some());
    }

    #[test]
    fn the_projects_credentials_go_to_its_own_repository_alone() {
        let of = |given: Inputs| request(true, given).unwrap().credentials.map(|secret| secret.0);
        assert_eq!(of(Inputs::new()).as_deref(), Some("own"));
        assert_eq!(of(outputs([("url", "https://host/golden".into())])).as_deref(), Some("own"));
        for other in ["https://host/other", "https://host/golden/", "https://host/golden.git"] {
            assert_eq!(of(outputs([("url", other.into())])), None, "{other}");
        }
        let given = vocab::Value::Secret(SecretRef("given".to_owned()));
        assert_eq!(of([("credentials".to_owned(), given)].into()).as_deref(), Some("given"));
    }

    #[test]
    fn another_repository_starts_at_its_head() {
        let other = || outputs([("url", "https://host/other".into())]);
        assert_eq!(at(true, other()).unwrap(), At::Ref("HEAD".to_owned()));
        let own = outputs([("url", "https://host/golden".into()), ("ref", "v1".into())]);
        assert_eq!(at(true, own).unwrap(), At::Ref("v1".to_owned()));
    }

    #[test]
    fn hostile_refs_and_paths_are_refused() {
        for name in ["--upload-pack=touch /tmp/x", "-x", "a:b", "+refs/heads/*"] {
            assert!(at(true, outputs([("ref", name.into())])).is_err(), "{name}");
        }
        for path in ["/etc", "..", "a/../..", "a\0b"] {
            assert!(at(true, outputs([("path", path.into())])).is_err(), "{path}");
        }
        assert_eq!(clean("./a//b/").unwrap(), "a/b");
    }
}
