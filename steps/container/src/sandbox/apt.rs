//! How apt in a container fetches from the operator's mirrors although its sources name the public archives.
//!
//! apt has no setting for that, but it can be told which program fetches for it: ours asks the mirror and answers in the
//! archive's name. What is lent for it lies in a folder that no image keeps, and so nothing of it is in any list.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use engine_ports::{ActionError, MirrorMap};

/// The folder inside a container. `/dev` is never part of an image.
pub(crate) const APT_IN_CONTAINER: &str = "/dev/image-factory/apt";

/// The file in that folder that apt's configuration is read from.
pub(crate) const CONFIGURATION: &str = "apt.conf";

const METHOD: &str = include_str!("apt-method.sh");

/// An archive and the mirror in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirrored {
    /// Host and path, without a scheme: sources name either.
    pub(crate) archive: String,
    /// The whole URL, without a slash at its end.
    pub(crate) mirror: String,
}

/// What is mirrored, the longest names first. Fails where a setting is no URL.
///
/// Debian's archives lie below one mirror, security updates beside the rest (`…/debian-security`), unless
/// `apt_archives` says otherwise.
pub(crate) fn mirrored(mirrors: &MirrorMap) -> Result<Vec<Mirrored>, ActionError> {
    let mut all = Vec::new();
    for (written, used) in &mirrors.apt_archives {
        let archive = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://"));
        let archive = archive.unwrap_or(written).trim_end_matches('/').to_owned();
        if archive.is_empty() || archive.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(no_url("name of an archive", written));
        }
        all.push(Mirrored { archive, mirror: checked(used)? });
    }
    if let Some(debian) = &mirrors.apt {
        let debian = checked(debian)?;
        let security = format!("{debian}-security");
        for (archive, mirror) in [
            ("deb.debian.org/debian", &debian),
            ("deb.debian.org/debian-security", &security),
            ("security.debian.org/debian-security", &security),
        ] {
            if all.iter().all(|known| known.archive != archive) {
                all.push(Mirrored { archive: archive.to_owned(), mirror: mirror.clone() });
            }
        }
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.archive.len()));
    Ok(all)
}

/// The URL of a mirror, if it is one that may stand in a message of apt's.
fn checked(url: &str) -> Result<String, ActionError> {
    let plain = !url.contains(|c: char| c.is_whitespace() || c.is_control());
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if plain && rest.is_some_and(|rest| !rest.trim_matches('/').is_empty()) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(no_url("mirror of apt", url))
}

fn no_url(what: &str, text: &str) -> ActionError {
    // A mirror may hold a password.
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
    ActionError::permanent(format!("the operator configured a {what} that is no http or https URL: `{host}`"))
        .help("correct `steps.mirrors.apt_archives` or `steps.mirrors.apt` in the factory's settings")
}

/// Writes into `folder` all that apt reads and runs, so that every user may.
///
/// `shown` is where containers see the folder, `authorities` where they see a list of authorities. Blocks.
pub(crate) fn write(
    folder: &Path,
    shown: &str,
    mirrored: &[Mirrored],
    authorities: Option<&str>,
) -> io::Result<()> {
    let mut configuration: Vec<String> =
        authorities.iter().map(|path| format!("Acquire::https::CaInfo \"{path}\";\n")).collect();
    let mut files = Vec::new();
    if !mirrored.is_empty() {
        let lines = mirrored.iter().map(|one| format!("{} {}\n", one.archive, one.mirror));
        files.push(("archives", lines.collect(), 0o644));
        for access in ["http", "https"] {
            configuration.push(format!("Dir::Bin::Methods::{access} \"{shown}/{access}\";\n"));
            files.push((access, METHOD.to_owned(), 0o755));
        }
    }
    files.push((CONFIGURATION, configuration.concat(), 0o644));
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for (name, text, mode) in files {
        let file = folder.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
