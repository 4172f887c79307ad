//! How a secret reaches Git: by environment or by a file of mode 0600, never by argument or URL.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_ports::{ActionError, SecretText, StepLog, StepSettings};
use steps_kit::{io_failed, mask};

use super::location::Location;
use super::url::Transport;

/// Where a system keeps the keys of hosts that all its users know.
const SYSTEM_KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// The user that hosts expect beside a token.
const TOKEN_USER: &str = "x-access-token";

/// The variables that hand `secret` to Git for `location`. Files go into `scratch`.
pub(crate) fn credentials(
    secret: Option<&SecretText>,
    location: &Location,
    settings: &StepSettings,
    scratch: &Path,
    log: &dyn StepLog,
) -> Result<BTreeMap<String, OsString>, ActionError> {
    let text = secret.map(|secret| secret.expose().trim());
    if let Some(secret) = secret {
        mask(log, secret);
    }
    match (location.transport, text) {
        (Transport::Https, Some(text)) => basic(text, location, log),
        (Transport::Ssh, text) => ssh(text, settings, scratch),
        (Transport::Http, Some(_)) => Err(ActionError::permanent("credentials are not sent over plain http")
            .help("have the operator's mirror map lead to https, or fetch without `credentials`")),
        (Transport::File | Transport::Git | Transport::Http | Transport::Https, _) => Ok(BTreeMap::new()),
    }
}

/// A header for this host alone. With it no redirect is followed: the header must not travel on.
fn basic(
    text: &str,
    location: &Location,
    log: &dyn StepLog,
) -> Result<BTreeMap<String, OsString>, ActionError> {
    if text.is_empty() || text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(ActionError::permanent(
            "the secret for `credentials` is no token: it has no or several lines",
        )
        .help("for https give a token, or `user:token`; a private key needs an ssh URL"));
    }
    let pair = if text.contains(':') { text.to_owned() } else { format!("{TOKEN_USER}:{text}") };
    if let Some((_, token)) = text.split_once(':') {
        // A host may echo the token without its user.
        log.mask(token);
    }
    let encoded = STANDARD.encode(&pair);
    log.mask(&encoded);
    let authority = location.url.split('/').take(3).collect::<Vec<_>>().join("/");
    let config = [
        (format!("http.{authority}/.extraHeader"), format!("Authorization: Basic {encoded}")),
        ("http.followRedirects".to_owned(), "false".to_owned()),
    ];
    let mut env = BTreeMap::from([("GIT_CONFIG_COUNT".to_owned(), config.len().to_string().into())]);
    for (number, (key, value)) in config.into_iter().enumerate() {
        env.insert(format!("GIT_CONFIG_KEY_{number}"), key.into());
        env.insert(format!("GIT_CONFIG_VALUE_{number}"), value.into());
    }
    Ok(env)
}

/// The way to run ssh: nobody is asked, no configuration of the host's holds, one key at most.
///
/// Hosts are known by the operator's file, else by the worker's own; one that is in neither is not trusted.
fn ssh(
    key: Option<&str>,
    settings: &StepSettings,
    scratch: &Path,
) -> Result<BTreeMap<String, OsString>, ActionError> {
    let mut words = vec!["ssh".to_owned(), "-F".to_owned(), "/dev/null".to_owned()];
    let mut option = |option: String| words.extend(["-o".to_owned(), option]);
    option("BatchMode=yes".to_owned());
    option("IdentityAgent=none".to_owned());
    option("IdentitiesOnly=yes".to_owned());
    option("ConnectTimeout=30".to_owned());
    option("StrictHostKeyChecking=yes".to_owned());
    option(format!("UserKnownHostsFile={}", quoted_path(known_hosts(settings))?));
    option("GlobalKnownHostsFile=/dev/null".to_owned());
    if let Some(key) = key {
        let file = scratch.join("key");
        write_private(&file, &format!("{}\n", key.replace("\r\n", "\n")))?;
        words.extend(["-i".to_owned(), quoted_path(&file)?]);
    }
    let command = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    Ok(BTreeMap::from([
        ("GIT_SSH_COMMAND".to_owned(), command.into()),
        ("GIT_SSH_VARIANT".to_owned(), "ssh".into()),
    ]))
}

/// The file with the keys of ssh hosts.
pub(crate) fn known_hosts(settings: &StepSettings) -> &Path {
    settings.git_known_hosts.as_deref().unwrap_or(Path::new(SYSTEM_KNOWN_HOSTS))
}

/// A path that survives the shell's quotes and ssh's own splitting.
fn quoted_path(path: &Path) -> Result<String, ActionError> {
    let plain = |text: &&str| !text.bytes().any(|byte| byte.is_ascii_control() || b" '\"\\%".contains(&byte));
    path.to_str().filter(plain).map(str::to_owned).ok_or_else(|| {
        ActionError::permanent(format!("ssh cannot use the path `{}`", path.display()))
            .help("move the data folder to a path without spaces, quotes and percent signs")
    })
}

/// Writes a file that only its owner can read, and that was not there before.
fn write_private(path: &Path, text: &str) -> Result<(), ActionError> {
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(io_failed("write", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use steps_kit::harness::CollectingLog;

    use super::super::location::locate;
    use super::*;

    const KEY: &str =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0IGtleQ==\n-----END OPENSSH PRIVATE KEY-----";

    fn of(
        url: &str,
        secret: &str,
        settings: &StepSettings,
        scratch: &Path,
        log: &CollectingLog,
    ) -> Result<BTreeMap<String, OsString>, ActionError> {
        let location = locate(url, settings).unwrap();
        credentials(Some(&SecretText::new(secret.to_owned())), &location, settings, scratch, log)
    }

    #[test]
    fn a_token_becomes_a_header_for_its_host_alone() {
        let (settings, log) = (StepSettings::default(), CollectingLog::default());
        let env = of("https://host:8443/a/b", "t0ken-t0ken\n", &settings, Path::new("/x"), &log).unwrap();
        assert_eq!(env["GIT_CONFIG_KEY_0"], "http.https://host:8443/.extraHeader");
        assert_eq!(env["GIT_CONFIG_KEY_1"], "http.followRedirects");
        let header = env["GIT_CONFIG_VALUE_0"].to_str().unwrap().to_owned();
        let encoded = header.strip_prefix("Authorization: Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"x-access-token:t0ken-t0ken");
        assert!(
            log.masked().contains(&"t0ken-t0ken".to_owned()) && log.masked().contains(&encoded.to_owned())
        );
        assert!(of("https://host/a", KEY, &settings, Path::new("/x"), &log).is_err());
    }

    #[test]
    fn a_token_with_its_user_is_masked_alone_too() {
        let (settings, log) = (StepSettings::default(), CollectingLog::default());
        of("https://host/a", "robot:t0ken-t0ken", &settings, Path::new("/x"), &log).unwrap();
        assert!(log.masked().contains(&"t0ken-t0ken".to_owned()), "{:?}", log.masked());
    }

    #[test]
    fn a_key_lies_in_a_file_for_its_owner_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let mut settings = StepSettings::default();
        let log = CollectingLog::default();
        let env = of("git@host:a/b", KEY, &settings, scratch.path(), &log).unwrap();
        let command = env["GIT_SSH_COMMAND"].to_str().unwrap().to_owned();
        assert!(
            command.contains("StrictHostKeyChecking=yes")
                && command.contains("UserKnownHostsFile=/etc/ssh/ssh_known_hosts")
                && !command.contains("c2Vj"),
            "{command}"
        );
        let key = std::fs::metadata(scratch.path().join("key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        settings.git_known_hosts = Some("/etc/factory/known_hosts".into());
        let other = tempfile::tempdir().unwrap();
        let env = of("git@host:a/b", KEY, &settings, other.path(), &log).unwrap();
        let command = env["GIT_SSH_COMMAND"].to_str().unwrap().to_owned();
        assert!(
            command.contains("StrictHostKeyChecking=yes") && command.contains("/etc/factory/known_hosts")
        );
        assert!(log.masked().iter().any(|line| line == "c2VjcmV0IGtleQ=="));
    }
}
