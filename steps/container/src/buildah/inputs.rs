//! The inputs of `container/buildah@v1`, checked as a whole before anything is done.

use std::collections::BTreeMap;

use engine_ports::ActionError;
use serde::Deserialize;
use steps_kit::field::{Artifact, Size};
use vocab::Isolation;

use super::args::{BASE, lent_image};
use crate::arch::Arch;
use crate::checks;
use crate::sandbox::{Bounds, Network};

/// As the workflow gives them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    context: Artifact,
    path: String,
    file: Option<String>,
    base: Option<Artifact>,
    base_image: Option<Artifact>,
    images: BTreeMap<String, Artifact>,
    args: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    target: Option<String>,
    arch: String,
    network: String,
    isolation: String,
    memory: Size,
    pids: u64,
    timestamp: i64,
}

/// An artifact that becomes an image of the build's private storage.
#[derive(Debug)]
pub(super) enum Lend {
    Tree(Artifact),
    Image(Artifact),
}

/// What is to be built.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) context: Artifact,
    pub(super) path: String,
    pub(super) file: Option<String>,
    /// By the name in the private storage.
    pub(super) lent: BTreeMap<String, Lend>,
    /// Values of arguments, those included that name what is lent.
    pub(super) args: BTreeMap<String, String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) target: Option<String>,
    pub(super) arch: Arch,
    pub(super) network: Network,
    pub(super) isolation: Isolation,
    /// What all `RUN`s may take.
    pub(super) bounds: Bounds,
    /// Seconds since 1970.
    pub(super) timestamp: i64,
}

impl TryFrom<Taken> for Wanted {
    type Error = ActionError;

    fn try_from(taken: Taken) -> Result<Self, ActionError> {
        let refuse = |message: String| Err(ActionError::permanent(message));
        checks::timestamp(taken.timestamp)?;
        checks::env_names(taken.args.keys())?;
        let mut lent = BTreeMap::new();
        let mut args = taken.args;
        let mut name_of = BTreeMap::new();
        match (taken.base, taken.base_image) {
            (Some(_), Some(_)) => return refuse("give `base` or `base_image`, not both".to_owned()),
            (Some(tree), None) => {
                lent.insert(BASE.to_owned(), Lend::Tree(tree));
                name_of.insert("BASE".to_owned(), BASE.to_owned());
            }
            (None, Some(image)) => {
                lent.insert(BASE.to_owned(), Lend::Image(image));
                name_of.insert("BASE".to_owned(), BASE.to_owned());
            }
            (None, None) => {}
        }
        for (name, image) in taken.images {
            if !is_image_name(&name) {
                return refuse(format!(
                    "`images` has the name `{name}`; use capitals and digits, `_` between them"
                ));
            }
            let reference = lent_image(&name);
            lent.insert(reference.clone(), Lend::Image(image));
            if name_of.insert(name.clone(), reference).is_some() {
                return refuse(format!("`images` has the name `{name}`, which `base` has already"));
            }
        }
        for (name, reference) in name_of {
            if args.insert(name.clone(), reference).is_some() {
                return refuse(format!("`args` gives `{name}`, which names an image that the step is given"));
            }
        }
        if let Some(target) = taken.target.as_ref().filter(|target| !is_stage(target)) {
            return refuse(format!("`target: {target}` is no name of a stage"));
        }
        Ok(Self {
            context: taken.context,
            path: taken.path,
            file: taken.file,
            lent,
            args,
            labels: taken.labels,
            target: taken.target,
            arch: checks::arch(&taken.arch)?,
            network: Network::named(&taken.network),
            isolation: if taken.isolation == "chroot" { Isolation::Chroot } else { Isolation::Oci },
            bounds: Bounds { memory: *taken.memory, pids: taken.pids.max(1) },
            timestamp: taken.timestamp,
        })
    }
}

/// Capitals and digits in words with one `_` between: fit to be an argument and, in lower case, a repository.
fn is_image_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.len() <= 60
        && name.split('_').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        })
}

fn is_stage(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lent_images_are_arguments_and_repositories_alike() {
        for name in ["", "tools", "_A", "A_", "A__B", "A-B", "1A"] {
            assert!(!is_image_name(name), "{name}");
        }
        assert!(is_image_name("GO_TOOLS_2"));
        assert!(!is_stage("-x") && !is_stage("") && is_stage("final"));
    }
}
