//! What kind of failure Git met, from what it said. Its messages are in English, since the runner sets the locale.

use engine_ports::ToolExit;
use vocab::ErrorClass;

/// Whether a server refused to hand out a commit by its id, although it may have it.
pub(crate) fn refuses_ids(exit: &ToolExit) -> bool {
    let said = &exit.stderr_tail;
    ["not our ref", "unadvertised object", "couldn't find remote ref", "no such remote ref"]
        .iter()
        .any(|words| said.contains(words))
}

/// The class of a failure.
pub(crate) fn classify(exit: &ToolExit) -> ErrorClass {
    const RULES: &[(ErrorClass, &[&str])] = &[
        (ErrorClass::Capacity, &["No space left on device", "Disk quota exceeded"]),
        (
            ErrorClass::Auth,
            &[
                "Authentication failed",
                "could not read Username",
                "could not read Password",
                "terminal prompts disabled",
                "Permission denied",
                "Host key verification failed",
                "returned error: 401",
                "returned error: 403",
                "HTTP 401",
                "HTTP 403",
                "Load key",
            ],
        ),
        (
            ErrorClass::Permanent,
            &[
                "couldn't find remote ref",
                "not our ref",
                "unadvertised object",
                "returned error: 404",
                "Repository not found",
            ],
        ),
        (
            ErrorClass::Transient,
            &[
                "Could not resolve",
                "Temporary failure in name resolution",
                "Connection refused",
                "Connection reset",
                "Connection timed out",
                "Connection closed",
                "Failed to connect",
                "Couldn't connect",
                "Operation timed out",
                "No route to host",
                "Network is unreachable",
                "early EOF",
                "recv error",
                "RPC failed",
                "unexpected disconnect",
                "The remote end hung up",
                "the remote end hung up",
                "returned error: 429",
                "returned error: 5",
                "HTTP 429",
                "HTTP 5",
                "unable to connect",
            ],
        ),
    ];
    let matches = |words: &&[&str]| words.iter().any(|words| exit.stderr_tail.contains(words));
    RULES.iter().find(|(_, words)| matches(words)).map_or(ErrorClass::Permanent, |(class, _)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_get_the_class_that_decides_about_a_retry() {
        let class = |said: &str| {
            classify(&ToolExit {
                code: Some(128),
                signal: None,
                stdout: Vec::new(),
                stderr_tail: said.to_owned(),
            })
        };
        let cases = [
            ("fatal: unable to access 'https://h/': Could not resolve host: h", ErrorClass::Transient),
            (
                "fatal: unable to access 'https://h/': The requested URL returned error: 503",
                ErrorClass::Transient,
            ),
            ("ssh: connect to host h port 22: Connection refused", ErrorClass::Transient),
            ("fatal: could not read Username for 'https://h': terminal prompts disabled", ErrorClass::Auth),
            (
                "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                ErrorClass::Auth,
            ),
            ("fatal: couldn't find remote ref refs/heads/gone", ErrorClass::Permanent),
            ("error: file write error: No space left on device", ErrorClass::Capacity),
            ("fatal: something new", ErrorClass::Permanent),
        ];
        for (said, wanted) in cases {
            assert_eq!(class(said), wanted, "{said}");
        }
    }
}
