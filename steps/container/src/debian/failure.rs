//! What mmdebstrap and apt mean when they fail.

use engine_ports::ActionError;
use vocab::ErrorClass;

/// The error for the last lines that the tool `program` wrote to standard error.
pub(crate) fn explain(program: &str, stderr: &str) -> ActionError {
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    // The words that say most stand first.
    let line = |words: &[&str]| {
        let found = words.iter().find_map(|word| stderr.lines().find(|line| line.contains(word)));
        found.unwrap_or_else(|| stderr.lines().last().unwrap_or("it said nothing")).trim().to_owned()
    };
    if has(FULL) {
        return ActionError::new(ErrorClass::Capacity, format!("{program}: {}", line(FULL)))
            .help("free space on the worker, or give its data folder a larger disk");
    }
    if let Some(package) = unknown_package(stderr) {
        return ActionError::permanent(format!(
            "the archive has no package `{package}` for this suite and architecture"
        ))
        .help("check the name, and whether `components` or `suite` must be another");
    }
    if has(UNSIGNED) {
        return ActionError::permanent(format!("the archive's signature does not hold: {}", line(UNSIGNED)))
            .help(
                "install or update the package debian-archive-keyring on the worker, and check the mirror",
            );
    }
    if has(STALE) {
        return ActionError::transient(format!("the mirror's index is out of date: {}", line(STALE)))
            .help("wait for the mirror's next update, and check the worker's clock");
    }
    if has(NO_SUITE) {
        return ActionError::permanent(format!("the mirror does not have this suite: {}", line(NO_SUITE)))
            .help("check `mirrors.apt` in the factory's settings and the step's `suite`");
    }
    if has(UNREACHABLE) {
        return ActionError::transient(format!("the Debian mirror cannot be read: {}", line(UNREACHABLE)))
            .help("check that the worker reaches this URL, or name another mirror in `mirrors.apt`");
    }
    if has(NAMESPACE) {
        return ActionError::permanent(format!(
            "{program} may not make a user namespace: {}",
            line(NAMESPACE)
        ))
        .help("give the worker's user a range in /etc/subuid and /etc/subgid, or run the worker as root");
    }
    if has(FOREIGN) {
        return ActionError::permanent(format!(
            "the worker cannot run programs of this architecture: {}",
            line(FOREIGN)
        ))
        .help(
            "install qemu-user-static and binfmt-support on the worker, or use a worker of that architecture",
        );
    }
    ActionError::permanent(format!("{program} failed: {}", line(&["E: ", "error"])))
        .help("the step's log has the whole output")
}

const FULL: &[&str] = &["No space left on device", "Disk quota exceeded", "don't have enough free space"];
const UNSIGNED: &[&str] = &[
    "NO_PUBKEY",
    "is not signed",
    "EXPKEYSIG",
    "BADSIG",
    "signatures were invalid",
    "signatures couldn't be verified",
];
const STALE: &[&str] = &["is expired", "is not valid yet", "Hash Sum mismatch", "File has unexpected size"];
const NO_SUITE: &[&str] =
    &["does not have a Release file", "InRelease  404", "Release  404", "no longer has a Release file"];
const UNREACHABLE: &[&str] = &[
    "Failed to fetch",
    "Could not resolve",
    "Could not connect",
    "Connection refused",
    "Connection timed out",
    "Temporary failure",
    "Unable to connect",
    "Certificate verification failed",
];
const NAMESPACE: &[&str] = &["newuidmap", "subuid", "unshare failed", "unable to unshare"];
const FOREIGN: &[&str] = &["Exec format error", "qemu", "binfmt"];

fn unknown_package(stderr: &str) -> Option<&str> {
    let after = |line: &'static str| stderr.split_once(line).map(|(_, rest)| rest);
    let name = |rest: &'static str| after(rest)?.split_whitespace().next();
    name("Unable to locate package ")
        .or_else(|| {
            let line = stderr.lines().find(|line| line.contains("has no installation candidate"))?;
            line.split('\'').nth(1)
        })
        .or_else(|| {
            // `E: Version '1.0' for 'apt' was not found`
            let line =
                stderr.lines().find(|line| line.contains("was not found") && line.contains("Version"))?;
            line.split('\'').nth(3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_class_and_names_its_subject() {
        for (stderr, class, subject) in [
            ("E: Unable to locate package no-such\nE: apt failed", ErrorClass::Permanent, "`no-such`"),
            ("E: Package 'old' has no installation candidate", ErrorClass::Permanent, "`old`"),
            ("E: Version '9' for 'apt' was not found", ErrorClass::Permanent, "`apt`"),
            (
                "E: Failed to fetch http://m.test/debian/dists/x/InRelease  Could not resolve 'm.test'",
                ErrorClass::Transient,
                "http://m.test/debian",
            ),
            (
                "E: Failed to fetch http://m.test/a  404  Not Found [IP: 1]",
                ErrorClass::Transient,
                "http://m.test/a",
            ),
            (
                "E: Failed to fetch http://m.test/dists/x/InRelease  404  Not Found",
                ErrorClass::Permanent,
                "does not have this suite",
            ),
            ("tar: ./usr: Cannot write: No space left on device", ErrorClass::Capacity, "No space left"),
            ("W: GPG error: http://m.test x InRelease: NO_PUBKEY 0E98", ErrorClass::Permanent, "signature"),
            (
                "E: Release file for http://m.test/x is expired (invalid since 3d)",
                ErrorClass::Transient,
                "out of date",
            ),
            ("E: something else", ErrorClass::Permanent, "something else"),
            ("", ErrorClass::Permanent, "it said nothing"),
        ] {
            let error = explain("mmdebstrap", stderr);
            assert_eq!(error.class, class, "{stderr}");
            assert!(error.message.contains(subject), "{stderr}: {}", error.message);
            assert!(error.help.is_some());
        }
    }
}
