//! What the operator lends to builds and containers that may reach the outside: proxies, authorities, mirrors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use engine_ports::{ActionError, StepContext, StepLog, StepSettings};
use steps_kit::{blocking, environment, git_mirrors, io_failed};

use super::apt::{self, APT_IN_CONTAINER};

/// Where the authorities lie inside a container. `/dev` is never part of an image, so nothing of it stays.
pub(crate) const CA_IN_CONTAINER: &str = "/dev/image-factory/ca.pem";

/// What is lent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lent {
    /// For programs on the worker: proxies, authorities, mirrors.
    pub(crate) on_worker: BTreeMap<String, OsString>,
    /// The same for programs in a container.
    pub(crate) in_container: BTreeMap<String, String>,
    /// On the worker: the file to show at [`CA_IN_CONTAINER`].
    pub(crate) authorities: Option<PathBuf>,
    /// On the worker: the folder to show at [`APT_IN_CONTAINER`].
    pub(crate) apt: Option<PathBuf>,
}

impl Lent {
    /// What the settings lend to an attempt. Writes the authorities (the system's and the operator's) and what apt is
    /// given to its work folder, and masks what is secret of it in its log.
    pub(crate) async fn prepare(ctx: &StepContext) -> Result<Self, ActionError> {
        Self::of(&ctx.services.settings, &ctx.work, &*ctx.log).await
    }

    async fn of(settings: &StepSettings, work: &Path, log: &dyn StepLog) -> Result<Self, ActionError> {
        let on_worker = environment(settings, work, log).await?;
        let authorities = on_worker.get("SSL_CERT_FILE").cloned();
        let inside = |value: &OsString| {
            let is_file = authorities.as_ref() == Some(value);
            if is_file { CA_IN_CONTAINER.to_owned() } else { value.to_string_lossy().into_owned() }
        };
        let mut in_container: BTreeMap<_, _> =
            on_worker.iter().map(|(name, value)| (name.clone(), inside(value))).collect();
        in_container.extend(git_mirrors(settings));
        let mirrored = apt::mirrored(&settings.mirrors)?;
        let mut folder = None;
        if !mirrored.is_empty() || authorities.is_some() {
            let place = work.join("apt");
            let (target, shown) = (place.clone(), authorities.is_some().then_some(CA_IN_CONTAINER));
            blocking(move || {
                apt::write(&target, APT_IN_CONTAINER, &mirrored, shown).map_err(io_failed("write", &target))
            })
            .await?;
            let configuration = format!("{APT_IN_CONTAINER}/{}", apt::CONFIGURATION);
            in_container.insert("APT_CONFIG".to_owned(), configuration);
            folder = Some(place);
        }
        Ok(Self { on_worker, in_container, authorities: authorities.map(PathBuf::from), apt: folder })
    }

    /// The proxies alone, which buildah hands on to each command of a build by itself.
    pub(crate) fn is_proxy(name: &str) -> bool {
        name.to_ascii_lowercase().ends_with("_proxy")
    }
}

#[cfg(test)]
mod tests {
    use steps_kit::harness::CollectingLog;

    use super::*;

    #[tokio::test]
    async fn nothing_configured_lends_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let lent =
            Lent::of(&StepSettings::default(), folder.path(), &CollectingLog::default()).await.unwrap();
        assert_eq!(lent, Lent::default());
    }

    #[tokio::test]
    async fn a_container_finds_the_authorities_where_they_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("own.pem");
        std::fs::write(&bundle, "authority").unwrap();
        let mut settings = StepSettings {
            ca_bundle: Some(bundle),
            http_proxy: Some("http://p:1".into()),
            ..StepSettings::default()
        };
        settings.mirrors.git.insert("https://git.test/".into(), "https://mirror.test/".into());
        settings.mirrors.apt = Some("https://mirror.test/debian/".into());
        let lent = Lent::of(&settings, folder.path(), &CollectingLog::default()).await.unwrap();
        assert_eq!(lent.in_container["SSL_CERT_FILE"], CA_IN_CONTAINER);
        assert_eq!(lent.in_container["http_proxy"], "http://p:1");
        assert_eq!(lent.in_container["GIT_CONFIG_KEY_0"], "url.https://mirror.test/.insteadOf");
        assert_eq!(lent.in_container["APT_CONFIG"], "/dev/image-factory/apt/apt.conf");
        let apt = std::fs::read_to_string(lent.apt.unwrap().join("apt.conf")).unwrap();
        assert!(apt.contains("CaInfo \"/dev/image-factory/ca.pem\""), "{apt}");
        assert!(apt.contains("Methods::https \"/dev/image-factory/apt/https\""), "{apt}");
        for name in ["GIT_CONFIG_KEY_0", "APT_CONFIG"] {
            assert!(!lent.on_worker.contains_key(name), "steps of the worker have their own way");
        }
        assert!(std::fs::read_to_string(lent.authorities.unwrap()).unwrap().ends_with("authority"));
        assert!(Lent::is_proxy("HTTPS_PROXY") && !Lent::is_proxy("GOPROXY"));
    }

    #[test]
    fn git_in_a_container_fetches_from_the_mirrors_by_variables_alone() {
        const TEST: &str = "git_in_a_container_fetches_from_the_mirrors_by_variables_alone";
        let Some(git) = test_parts::tool("git", TEST) else { return };
        let mut settings = StepSettings::default();
        assert!(git_mirrors(&settings).is_empty());
        settings.mirrors.git.insert("https://git.test/".into(), "https://mirror.test/git/".into());
        settings.mirrors.git.insert("https://other.test/".into(), "https://mirror.test/other/".into());
        let said = git
            .command()
            .args(["ls-remote", "--get-url", "https://other.test/a/b"])
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(git_mirrors(&settings))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "https://mirror.test/other/a/b");
    }
}
