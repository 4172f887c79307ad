//! The inputs of `rootfs/debian@v1`, checked as a whole before anything is done.

use std::collections::BTreeSet;

use engine_ports::ActionError;
use serde::Deserialize;

use super::args::Variant;
use super::manifest::SUITES;
use crate::arch::Arch;
use crate::checks;

/// As the workflow gives them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    suite: String,
    variant: String,
    packages: BTreeSet<String>,
    components: Vec<String>,
    updates: bool,
    arch: String,
    timestamp: i64,
}

/// What is to be built.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) suite: String,
    pub(super) variant: Variant,
    /// Sorted, each once: the order in a workflow must not show in the digest.
    pub(super) packages: Vec<String>,
    pub(super) components: Vec<String>,
    pub(super) updates: bool,
    pub(super) arch: Arch,
    /// Seconds since 1970.
    pub(super) timestamp: i64,
}

const COMPONENTS: [&str; 4] = ["main", "contrib", "non-free", "non-free-firmware"];

/// More packages than any image has; a bound on the command line.
const PACKAGES: usize = 2000;

impl TryFrom<Taken> for Wanted {
    type Error = ActionError;

    fn try_from(taken: Taken) -> Result<Self, ActionError> {
        let refuse = |message: String| Err(ActionError::permanent(message));
        if !SUITES.contains(&taken.suite.as_str()) {
            return refuse(format!("`{}` is no suite that is supported", taken.suite));
        }
        let Some(variant) = Variant::named(&taken.variant) else {
            return refuse(format!("`{}` is no variant", taken.variant));
        };
        if taken.packages.len() > PACKAGES {
            return refuse(format!(
                "{} packages are too many; the bound is {PACKAGES}",
                taken.packages.len()
            ));
        }
        if let Some(package) = taken.packages.iter().find(|package| !is_package(package)) {
            return refuse(format!("`{package}` is no package; write `name` or `name=version`"));
        }
        if let Some(other) = taken.components.iter().find(|name| !COMPONENTS.contains(&name.as_str())) {
            return refuse(format!("`{other}` is no component; there are {}", COMPONENTS.join(", ")));
        }
        if taken.components.is_empty() {
            return refuse("`components` is empty; a Debian needs at least `main`".to_owned());
        }
        checks::timestamp(taken.timestamp)?;
        let mut components = taken.components;
        components.sort_by_key(|name| COMPONENTS.iter().position(|known| known == name));
        components.dedup();
        Ok(Self {
            suite: taken.suite,
            variant,
            packages: taken.packages.into_iter().collect(),
            components,
            updates: taken.updates,
            arch: checks::arch(&taken.arch)?,
            timestamp: taken.timestamp,
        })
    }
}

/// Debian's rule for names of packages, and for versions.
fn is_package(text: &str) -> bool {
    let (name, version) = text.split_once('=').map_or((text, None), |(name, version)| (name, Some(version)));
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() >= 2
        && text.len() <= 200
        && name.bytes().next().is_some_and(lower)
        && name.bytes().all(|b| lower(b) || b"+-.".contains(&b))
        && version.is_none_or(|version| {
            version.starts_with(|c: char| c.is_ascii_digit())
                && version.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-~:".contains(&b))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_cannot_be_an_option_or_a_script() {
        for package in
            ["", "a", "-y", "--x", "a b", "a,b", "a;b", "$(x)", "A", "apt=", "apt=x", "apt=1 2", "?essential"]
        {
            assert!(!is_package(package), "{package}");
        }
        for package in
            ["apt", "libstdc++6", "g++", "linux-image-6.1.0-9-amd64", "curl=7.88.1-10+deb12u5", "a1=1:2~rc1"]
        {
            assert!(is_package(package), "{package}");
        }
    }
}
