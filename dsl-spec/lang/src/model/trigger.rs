//! What starts a run.

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

/// What starts a run of the workflow by itself, and whether people may start one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Triggers {
    /// A push to the project's repository.
    pub push: Option<PushTrigger>,
    /// A person or a script, through the API or the command line.
    pub manual: bool,
}

/// Which pushes start a run. Patterns are globs in which `*` stops at `/` and `**` does not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PushTrigger {
    /// Patterns of branch names.
    pub branches: Option<Vec<String>>,
    /// Patterns of tag names.
    pub tags: Option<Vec<String>>,
    /// Patterns of changed files.
    pub paths: Option<Vec<String>>,
}

impl Triggers {
    /// Whether a push to `reference` (`refs/heads/main`) that changed `changed_paths` starts a run.
    ///
    /// `None` for the paths means that they are not known, as after a forced push; then their filter lets it pass: a
    /// run too many is better than one too few. Deleted refs and other namespaces never match.
    pub fn matches_push(&self, reference: &str, changed_paths: Option<&[String]>) -> bool {
        self.push.as_ref().is_some_and(|push| push.matches(reference, changed_paths))
    }
}

impl PushTrigger {
    fn matches(&self, reference: &str, changed_paths: Option<&[String]>) -> bool {
        if let Some(tag) = reference.strip_prefix("refs/tags/") {
            // A tag is a name for a commit, not a change: `paths` does not apply.
            return match &self.tags {
                Some(tags) => any_matches(tags, tag),
                None => self.branches.is_none() && self.paths.is_none(),
            };
        }
        let Some(branch) = reference.strip_prefix("refs/heads/") else { return false };
        let wanted = match &self.branches {
            Some(branches) => any_matches(branches, branch),
            None => self.tags.is_none(),
        };
        wanted
            && match (&self.paths, changed_paths) {
                (Some(patterns), Some(changed)) => {
                    let patterns = matchers(patterns);
                    changed.iter().any(|path| patterns.iter().any(|pattern| pattern.is_match(path)))
                }
                _ => true,
            }
    }
}

fn any_matches(patterns: &[String], name: &str) -> bool {
    matchers(patterns).iter().any(|pattern| pattern.is_match(name))
}

/// The patterns, ready. All were checked when the file was compiled; one that is not valid matches nothing.
fn matchers(patterns: &[String]) -> Vec<GlobMatcher> {
    patterns.iter().filter_map(|pattern| matcher(pattern).ok()).collect()
}

/// Reads a pattern.
pub(crate) fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build()?.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(branches: Option<&[&str]>, tags: Option<&[&str]>, paths: Option<&[&str]>) -> Triggers {
        let own = |list: Option<&[&str]>| list.map(|list| list.iter().map(|&text| text.to_owned()).collect());
        let push = PushTrigger { branches: own(branches), tags: own(tags), paths: own(paths) };
        Triggers { push: Some(push), manual: false }
    }

    #[test]
    fn a_filter_on_branches_leaves_tags_out_and_the_other_way_round() {
        let main = push(Some(&["main", "release/*"]), None, None);
        assert!(main.matches_push("refs/heads/release/1", None));
        assert!(!main.matches_push("refs/heads/release/1/x", None));
        assert!(!main.matches_push("refs/tags/main", None));
        let tags = push(None, Some(&["v*"]), None);
        assert!(tags.matches_push("refs/tags/v1", None) && !tags.matches_push("refs/heads/main", None));
        let all = push(None, None, None);
        assert!(all.matches_push("refs/tags/v1", None) && all.matches_push("refs/heads/main", None));
        assert!(!all.matches_push("refs/notes/x", None) && !all.matches_push("main", None));
        assert!(!Triggers::default().matches_push("refs/heads/main", None));
    }

    #[test]
    fn unknown_changes_pass_the_filter_on_paths() {
        let debian = push(None, None, Some(&["images/debian/**"]));
        let changed = |path: &str| [path.to_owned()];
        assert!(debian.matches_push("refs/heads/x", Some(&changed("images/debian/a/b"))));
        assert!(!debian.matches_push("refs/heads/x", Some(&changed("images/alpine/a"))));
        assert!(!debian.matches_push("refs/heads/x", Some(&[])));
        assert!(debian.matches_push("refs/heads/x", None));
    }
}
