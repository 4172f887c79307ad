//! Names of refs and commits that are safe to hand to Git.

use engine_ports::ActionError;

/// Checks a ref: `main`, `v1.2`, `refs/heads/main`, `HEAD`. Nothing that Git could take for an option or a pattern.
pub(crate) fn check_ref(name: &str) -> Result<(), ActionError> {
    let part = |part: &str| {
        // Git appends `.lock` itself, in just this spelling.
        let reserved = part.strip_suffix(".lock").is_some();
        !part.is_empty() && !part.starts_with(['.', '-', '+']) && !part.ends_with('.') && !reserved
    };
    let fits = name.len() <= 255
        && name.split('/').all(part)
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && !name.bytes().any(|byte| byte <= b' ' || byte == 0x7f || b"~^:?*[\\".contains(&byte));
    if fits {
        return Ok(());
    }
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    Err(ActionError::permanent(format!("`{shown}` is not the name of a ref"))
        .help("give a branch or tag such as `main` or `v1.2`, or a full name such as `refs/heads/main`"))
}

/// Checks that a text is a commit's full id, and writes it in lower case.
pub(crate) fn check_commit(id: &str) -> Result<String, ActionError> {
    if matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(id.to_ascii_lowercase());
    }
    let shown: String = id.chars().take(80).flat_map(char::escape_debug).collect();
    Err(ActionError::permanent(format!("`{shown}` is not a commit's full id"))
        .help("give all 40 hexadecimal digits; a branch or tag goes into `ref`"))
}

/// Picks the commit of `name` out of what `git ls-remote` printed: lines of id, tab, full name, where
/// `refs/tags/v1^{}` is the commit that an annotated tag names. `Ok(None)` when the ref is not there.
pub(crate) fn pick(name: &str, listing: &str) -> Result<Option<String>, ActionError> {
    let find = |full: &str| {
        let named = |wanted: &str| {
            let lines = listing.lines().filter_map(|line| line.split_once('\t'));
            lines.filter(|(_, found)| *found == wanted).map(|(id, _)| id.to_owned()).next()
        };
        named(&format!("{full}^{{}}")).or_else(|| named(full))
    };
    if name == "HEAD" || name.starts_with("refs/") {
        return find(name).map(|id| check_commit(&id)).transpose();
    }
    let (branch, tag) = (find(&format!("refs/heads/{name}")), find(&format!("refs/tags/{name}")));
    match (branch, tag) {
        (Some(branch), Some(tag)) if branch != tag => Err(ActionError::permanent(format!(
            "`{name}` is a branch and a tag, and they name different commits"
        ))
        .help(format!("write `refs/heads/{name}` or `refs/tags/{name}`"))),
        (Some(id), _) | (None, Some(id)) => check_commit(&id).map(Some),
        (None, None) => Ok(None),
    }
}

/// The patterns with which `git ls-remote` is asked for `name`.
pub(crate) fn patterns(name: &str) -> Vec<String> {
    if name == "HEAD" {
        return vec![name.to_owned()];
    }
    let full = if name.starts_with("refs/") {
        vec![name.to_owned()]
    } else {
        vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
    };
    full.into_iter().flat_map(|name| [format!("{name}^{{}}"), name]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn refs_that_could_be_options_or_patterns_are_refused() {
        for name in ["main", "feature/x-1", "v1.2.3", "refs/heads/main", "HEAD", "ümlaut"] {
            assert!(check_ref(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "-x",
            "--upload-pack=id",
            "a/-b",
            "a..b",
            "a b",
            "a:b",
            "+a",
            "a*",
            "a^",
            "a~1",
            "@",
            "@{u}",
            "/a",
            "a/",
            "a//b",
            "a.lock",
            ".a",
            "a\nb",
        ] {
            assert!(check_ref(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_commit_is_given_in_full() {
        assert_eq!(check_commit(&A.to_uppercase()).unwrap(), A);
        for id in ["", "abc", "main", &"g".repeat(40), &"a".repeat(41)] {
            assert!(check_commit(id).is_err(), "{id}");
        }
    }

    #[test]
    fn an_annotated_tag_names_its_commit() {
        let listing = format!("{A}\trefs/tags/v1\n{B}\trefs/tags/v1^{{}}\n{A}\trefs/heads/x/v1\n");
        assert_eq!(pick("v1", &listing).unwrap().as_deref(), Some(B));
        assert_eq!(pick("x", &listing).unwrap(), None);
    }

    #[test]
    fn a_name_of_two_things_is_refused() {
        let listing = format!("{A}\trefs/heads/v1\n{B}\trefs/tags/v1\n");
        assert!(pick("v1", &listing).unwrap_err().help.unwrap().contains("refs/tags/v1"));
        assert_eq!(pick("refs/heads/v1", &listing).unwrap().as_deref(), Some(A));
    }
}
