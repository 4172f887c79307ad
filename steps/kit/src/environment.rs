//! What the operator's settings mean to a program: proxies, authorities, mirrors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use engine_ports::{ActionError, StepLog, StepSettings};

use crate::io_failed;

/// Where Debian keeps the authorities that the system trusts, in one file.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The variables that tools read proxies, authorities and mirrors from.
///
/// With authorities of the operator's, a file with them and the system's is written into `dir`, since every one of
/// these variables replaces the system's list. Nothing of it may stay in an image. Users and passwords in any URL of the
/// settings are masked in `log` from here on, since tools like to say where they fetch from.
pub async fn environment(
    settings: &StepSettings,
    dir: &Path,
    log: &dyn StepLog,
) -> Result<BTreeMap<String, OsString>, ActionError> {
    mask_users(settings, log);
    let mut env = BTreeMap::new();
    let mut set = |names: &[&str], value: Option<OsString>| {
        if let Some(value) = value {
            env.extend(names.iter().map(|name| ((*name).to_owned(), value.clone())));
        }
    };
    let text = |value: &Option<String>| value.as_ref().map(OsString::from);
    set(&["http_proxy", "HTTP_PROXY"], text(&settings.http_proxy));
    set(&["https_proxy", "HTTPS_PROXY"], text(&settings.https_proxy));
    set(&["no_proxy", "NO_PROXY"], text(&settings.no_proxy));
    set(&["PIP_INDEX_URL"], text(&settings.mirrors.pypi));
    set(&["NPM_CONFIG_REGISTRY"], text(&settings.mirrors.npm));
    set(&["GOPROXY"], text(&settings.mirrors.go));
    if let Some(extra) = &settings.ca_bundle {
        let bundle = dir.join("authorities.pem");
        let mut authorities = tokio::fs::read(SYSTEM_AUTHORITIES).await.unwrap_or_default();
        authorities.extend(tokio::fs::read(extra).await.map_err(io_failed("read the CA bundle", extra))?);
        tokio::fs::write(&bundle, authorities).await.map_err(io_failed("write", &bundle))?;
        let names = [
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "REQUESTS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
        ];
        set(&names, Some(bundle.into_os_string()));
    }
    Ok(env)
}

/// The variables that let Git fetch from the mirrors of the operator, for programs that no configuration of Git's is
/// written for.
pub fn git_mirrors(settings: &StepSettings) -> BTreeMap<String, String> {
    let mirrors = &settings.mirrors.git;
    let pairs = mirrors.iter().enumerate().flat_map(|(index, (written, used))| {
        [
            (format!("GIT_CONFIG_KEY_{index}"), format!("url.{used}.insteadOf")),
            (format!("GIT_CONFIG_VALUE_{index}"), written.clone()),
        ]
    });
    let count = (!mirrors.is_empty()).then(|| ("GIT_CONFIG_COUNT".to_owned(), mirrors.len().to_string()));
    pairs.chain(count).collect()
}

fn mask_users(settings: &StepSettings, log: &dyn StepLog) {
    let mirrors = &settings.mirrors;
    let plain =
        [&settings.http_proxy, &settings.https_proxy, &mirrors.apt, &mirrors.pypi, &mirrors.npm, &mirrors.go];
    let maps =
        [&mirrors.registries, &mirrors.git, &mirrors.apt_archives].into_iter().flat_map(BTreeMap::values);
    for user in plain.into_iter().flatten().chain(maps).flat_map(|text| users(text)) {
        log.mask(user);
        let Some((_, password)) = user.split_once(':').filter(|(_, password)| !password.is_empty()) else {
            continue;
        };
        log.mask(password);
        if let Some(decoded) = percent_decoded(password).filter(|decoded| decoded != password) {
            log.mask(&decoded);
        }
    }
}

/// What stands in front of the `@` in each URL of `text`, which may be a list as `GOPROXY` takes it. A proxy may be
/// written without a scheme.
fn users(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '|', ' ']).filter_map(|url| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').map(|(user, _)| user).filter(|user| !user.is_empty())
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('%') {
        bytes.extend(plain.bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = &after[2..];
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::CollectingLog;

    #[tokio::test]
    async fn proxies_and_mirrors_reach_tools_in_both_spellings() {
        let mut settings =
            StepSettings { http_proxy: Some("http://proxy:3128".into()), ..Default::default() };
        settings.mirrors.go = Some("off".into());
        let env = environment(&settings, Path::new("/nonexistent"), &CollectingLog::default()).await.unwrap();
        assert_eq!(env["http_proxy"], env["HTTP_PROXY"]);
        assert_eq!(env["GOPROXY"], "off");
        assert_eq!(env.len(), 3);
    }

    #[tokio::test]
    async fn a_missing_bundle_fails_the_step_and_names_the_file() {
        let settings = StepSettings { ca_bundle: Some("/nonexistent/ca.pem".into()), ..Default::default() };
        let error =
            environment(&settings, Path::new("/nonexistent"), &CollectingLog::default()).await.unwrap_err();
        assert!(error.message.contains("/nonexistent/ca.pem"), "{error}");
    }

    #[tokio::test]
    async fn users_and_passwords_of_what_is_lent_are_masked() {
        let mut settings =
            StepSettings { http_proxy: Some("http://me:s%40cret@proxy:3128/".into()), ..Default::default() };
        settings.https_proxy = Some("other:word@proxy:3128".into());
        settings.mirrors.go = Some("https://go:gopher@m/x,https://m/a@b|direct".into());
        settings.mirrors.npm = Some("https://token@npm.test".into());
        settings.mirrors.git.insert("https://g/".into(), "https://git:pull@h/".into());
        let log = CollectingLog::default();
        environment(&settings, Path::new("/nonexistent"), &log).await.unwrap();
        let expected = [
            "me:s%40cret",
            "s%40cret",
            "s@cret",
            "other:word",
            "word",
            "token",
            "go:gopher",
            "gopher",
            "git:pull",
            "pull",
        ];
        assert_eq!(log.masked(), expected);
    }
}
