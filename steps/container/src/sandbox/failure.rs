//! What buildah, podman and skopeo mean when they fail.

use engine_ports::{ActionError, ToolExit};
use vocab::ErrorClass;

/// What was done when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// An image was taken in or written out.
    Moving,
    /// An image was fetched from its registry.
    Fetching,
    /// The Containerfile was built.
    Building,
}

/// The error for an exit of the tool `program`.
pub(crate) fn explain(program: &str, doing: Doing, exit: &ToolExit) -> ActionError {
    let stderr = &exit.stderr_tail;
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    let line = |words: &[&str]| {
        let found = stderr.lines().rev().find(|line| words.iter().any(|word| line.contains(word)));
        let found = found.or_else(|| stderr.lines().rev().find(|line| !line.trim().is_empty()));
        found.unwrap_or("it said nothing").trim().chars().take(600).collect::<String>()
    };
    if has(FULL) {
        return ActionError::new(ErrorClass::Capacity, format!("{program}: {}", line(FULL)))
            .help("free space on the worker, or give its data folder a larger disk");
    }
    if has(WORKER) {
        return ActionError::permanent(format!("{program} cannot run containers on this worker: {}", line(WORKER)))
            .help("install runc, slirp4netns and iproute2, run the worker as root or with /etc/subuid, on a file system that overlay supports");
    }
    if doing == Doing::Fetching {
        return fetching(&line(&["Error", "error"]), &has);
    }
    if let Some(code) = command_code(stderr).filter(|_| doing == Doing::Building) {
        let failed = ActionError::permanent(format!("a command of the Containerfile ended with code {code}"));
        return failed.help(if code == 137 {
            "it was killed, most likely for its memory: give the step more `memory`"
        } else {
            "the step's log shows the command and what it said"
        });
    }
    ActionError::permanent(format!("{program} failed: {}", line(&["Error", "error"])))
        .help("the step's log has the whole output")
}

fn fetching(said: &str, has: &impl Fn(&[&str]) -> bool) -> ActionError {
    let message = format!("a base image cannot be fetched: {said}");
    if has(&["unauthorized", "authentication required", "denied"]) {
        return ActionError::new(ErrorClass::Auth, message)
            .help("the registry wants credentials that the worker lacks");
    }
    if has(&["manifest unknown", "name unknown", "not found", "StatusCode: 404"]) {
        return ActionError::permanent(message).help("check the image's name and tag in the Containerfile");
    }
    ActionError::transient(message)
        .help("check that the worker reaches the registry, or name a mirror in `steps.mirrors.registries`")
}

const FULL: &[&str] = &["no space left on device", "No space left on device", "disk quota exceeded"];
const WORKER: &[&str] = &[
    "cgroups in hybrid mode",
    "setrlimit",
    "error setting rlimit",
    "overlay is not supported",
    "is not supported over",
    "newuidmap",
    "unshare failed",
    "slirp4netns did not start",
    "the program ip is missing",
    "ip route: the way to",
];

/// `while running runtime: exit status 3` and its kin.
fn command_code(stderr: &str) -> Option<u32> {
    let (_, rest) = stderr.rsplit_once("exit status ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(doing: Doing, stderr: &str) -> (ErrorClass, String) {
        let exit =
            ToolExit { code: Some(1), signal: None, stdout: Vec::new(), stderr_tail: stderr.to_owned() };
        let error = explain("buildah", doing, &exit);
        assert!(error.help.is_some());
        (error.class, error.message)
    }

    #[test]
    fn every_cause_has_its_class() {
        use Doing::{Building, Fetching, Moving};
        for (doing, stderr, expected, subject) in [
            (
                Building,
                "Error: building at STEP \"RUN false\": while running runtime: exit status 3",
                ErrorClass::Permanent,
                "code 3",
            ),
            (Building, "write /x: no space left on device", ErrorClass::Capacity, "no space"),
            (
                Building,
                "cgroups in hybrid mode not supported, drop all controllers",
                ErrorClass::Permanent,
                "this worker",
            ),
            (
                Building,
                "the program ip is missing, so that the container's network cannot be closed (Debian: iproute2)",
                ErrorClass::Permanent,
                "this worker",
            ),
            (
                Building,
                "RTNETLINK answers: Operation not permitted\nip route: the way to 10.0.0.0/8 cannot be closed",
                ErrorClass::Permanent,
                "the way to 10.0.0.0/8",
            ),
            (
                Fetching,
                "Error: pinging container registry m.test: dial tcp: connection refused",
                ErrorClass::Transient,
                "m.test",
            ),
            (
                Fetching,
                "Error: reading manifest: unauthorized: authentication required",
                ErrorClass::Auth,
                "unauthorized",
            ),
            (
                Fetching,
                "Error: reading manifest 9 in m.test/x: manifest unknown",
                ErrorClass::Permanent,
                "m.test/x",
            ),
            (Moving, "Error: layout is broken\n", ErrorClass::Permanent, "layout is broken"),
            (Moving, "", ErrorClass::Permanent, "it said nothing"),
        ] {
            let (class, message) = class(doing, stderr);
            assert_eq!(class, expected, "{stderr}");
            assert!(message.contains(subject), "{stderr}: {message}");
        }
    }
}
