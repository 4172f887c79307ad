//! What the operator's settings mean to a program: proxies, authorities, mirrors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use engine_ports::{ActionError, StepSettings};

use crate::io_failed;

/// Where Debian keeps the authorities that the system trusts, in one file.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The variables that tools read proxies, authorities and mirrors from.
///
/// With authorities of the operator's, a file with them and the system's is written into `dir`, since every one of
/// these variables replaces the system's list. Nothing of it may stay in an image.
pub async fn environment(
    settings: &StepSettings,
    dir: &Path,
) -> Result<BTreeMap<String, OsString>, ActionError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn proxies_and_mirrors_reach_tools_in_both_spellings() {
        let mut settings =
            StepSettings { http_proxy: Some("http://proxy:3128".into()), ..Default::default() };
        settings.mirrors.go = Some("off".into());
        let env = environment(&settings, Path::new("/nonexistent")).await.unwrap();
        assert_eq!(env["http_proxy"], env["HTTP_PROXY"]);
        assert_eq!(env["GOPROXY"], "off");
        assert_eq!(env.len(), 3);
    }

    #[tokio::test]
    async fn a_missing_bundle_fails_the_step_and_names_the_file() {
        let settings = StepSettings { ca_bundle: Some("/nonexistent/ca.pem".into()), ..Default::default() };
        let error = environment(&settings, Path::new("/nonexistent")).await.unwrap_err();
        assert!(error.message.contains("/nonexistent/ca.pem"), "{error}");
    }
}
