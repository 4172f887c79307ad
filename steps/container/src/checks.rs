//! Rules that inputs of several actions obey.

use engine_ports::ActionError;

use crate::arch::Arch;
use crate::oci::LATEST;

/// The architecture of that name.
pub(crate) fn arch(name: &str) -> Result<Arch, ActionError> {
    Arch::named(name).ok_or_else(|| {
        ActionError::permanent(format!("`{name}` is no architecture that images are built for"))
    })
}

/// Seconds since 1970 that an image may carry.
pub(crate) fn timestamp(seconds: i64) -> Result<(), ActionError> {
    if (0..=LATEST).contains(&seconds) {
        Ok(())
    } else {
        Err(ActionError::permanent(format!("`timestamp: {seconds}` lies outside of the years 1970 to 9998")))
    }
}

/// Names of environment variables and build arguments.
pub(crate) fn env_names<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), ActionError> {
    let is_name = |name: &&String| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    match names.into_iter().find(|name| !is_name(name)) {
        None => Ok(()),
        Some(name) => Err(ActionError::permanent(format!(
            "`{name}` is no name of a variable; use letters, digits and `_`, not beginning with a digit"
        ))),
    }
}

/// An absolute path inside a container, without `..` and without what would end it in a tool's argument.
pub(crate) fn absolute(port: &str, path: &str) -> Result<(), ActionError> {
    let clean = path.starts_with('/')
        && path.split('/').all(|part| part != ".." && part != ".")
        && !path.contains([':', ',', '\0', '\n']);
    if clean {
        Ok(())
    } else {
        Err(ActionError::permanent(format!(
            "`{port}: {path}` must be an absolute path without `.`, `..`, `:` and `,`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_that_would_mean_something_else_are_refused() {
        for name in ["", "1A", "A=B", "A B", "A-B"] {
            assert!(env_names([&name.to_owned()]).is_err(), "{name}");
        }
        for path in ["", "a", "/a/../b", "/a:rw", "/a,b", "/a\nb"] {
            assert!(absolute("workdir", path).is_err(), "{path}");
        }
        assert!(absolute("workdir", "/srv/app").is_ok());
        assert!(timestamp(-1).is_err() && timestamp(i64::MAX).is_err() && timestamp(0).is_ok());
    }
}
