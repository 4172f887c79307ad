//! Which archives a root file system is built from.

use super::sources::Source;

/// Where the sources of a finished image point: what everybody can reach, never the operator's mirror.
const PUBLIC: &str = "http://deb.debian.org/debian";

/// Where security updates are for everybody, as a mirror of them is named in the settings.
pub(super) const PUBLIC_SECURITY: &str = "deb.debian.org/debian-security";

/// The key ring of the Debian archive on the worker.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A suite of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// Base URL, without a slash at its end.
    pub(crate) url: String,
    /// `bookworm`, `bookworm-updates`, `bookworm-security`.
    pub(crate) suite: String,
}

impl Archive {
    /// The signed file that fixes everything else in the archive.
    pub(crate) fn release_url(&self) -> String {
        format!("{}/dists/{}/InRelease", self.url, self.suite)
    }

    /// A line of `sources.list`.
    pub(crate) fn line(&self, components: &[String], signed_by: bool) -> String {
        let options = if signed_by { format!("[signed-by={KEYRING}] ") } else { String::new() };
        format!("deb {options}{} {} {}", self.url, self.suite, components.join(" "))
    }
}

/// The archives for `suite`: the suite itself and, where `updates` are wanted, what has changed since its release.
///
/// `base` is the URL of the mirror; security updates lie beside it (`…/debian-security`), unless the worker's own
/// `sources` name another place.
pub(crate) fn archives(base: &str, suite: &str, updates: bool, sources: &[Source]) -> Vec<Archive> {
    let base = base.trim_end_matches('/');
    let mut all = vec![Archive { url: base.to_owned(), suite: suite.to_owned() }];
    if updates {
        let security = format!("{suite}-security");
        let known = sources.iter().find(|source| source.suites.contains(&security));
        let url = known.map_or_else(|| format!("{base}-security"), |source| source.url.clone());
        all.push(Archive { url: base.to_owned(), suite: format!("{suite}-updates") });
        all.push(Archive { url, suite: security });
    }
    all
}

/// `/etc/apt/sources.list` of the finished image.
pub(crate) fn public_sources(suite: &str, updates: bool, components: &[String]) -> String {
    archives(PUBLIC, suite, updates, &[])
        .iter()
        .map(|archive| archive.line(components, false) + "\n")
        .collect()
}

/// The digest file names of apt: what a URL becomes in `/var/lib/apt/lists`.
pub(crate) fn list_name(archive: &Archive) -> String {
    let url = archive.release_url();
    let place = url.split_once("://").map_or(url.as_str(), |(_, place)| place);
    place.replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_updates_lie_beside_the_mirror_unless_the_worker_knows_better() {
        let urls = |sources: &[Source]| -> Vec<String> {
            archives("http://m.test/debian/", "bookworm", true, sources)
                .iter()
                .map(Archive::release_url)
                .collect()
        };
        assert_eq!(
            urls(&[]),
            [
                "http://m.test/debian/dists/bookworm/InRelease",
                "http://m.test/debian/dists/bookworm-updates/InRelease",
                "http://m.test/debian-security/dists/bookworm-security/InRelease",
            ]
        );
        let own = Source { url: "http://s.test/sec".into(), suites: vec!["bookworm-security".into()] };
        assert_eq!(urls(&[own])[2], "http://s.test/sec/dists/bookworm-security/InRelease");
    }

    #[test]
    fn the_image_never_names_the_mirror() {
        let sources = public_sources("trixie", false, &["main".into(), "contrib".into()]);
        assert_eq!(sources, "deb http://deb.debian.org/debian trixie main contrib\n");
    }

    #[test]
    fn lists_are_named_as_apt_names_them() {
        let archive = Archive { url: "http://m.test/debian".into(), suite: "bookworm".into() };
        assert_eq!(list_name(&archive), "m.test_debian_dists_bookworm_InRelease");
    }
}
