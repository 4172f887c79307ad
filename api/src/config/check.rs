//! Values that are fine by themselves and wrong together.

use vocab::{ActionRef, Limits};

use super::{Config, ConfigError};

/// Limits for which 0 has a meaning: no bound, or nothing held back.
const MAY_BE_ZERO: &[&str] = &[
    "tool_memory_bytes",
    "runs_per_workflow",
    "runs_per_project",
    "runs_per_tenant",
    "free_bytes",
    "grace_seconds",
    "drain_seconds",
];

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let refuse = |text: String| Err(ConfigError::Refused(text));
    match (&config.tls.cert, &config.tls.key) {
        (Some(_), None) => {
            return refuse("`tls.cert` is set and `tls.key` is not; TLS needs both".to_owned());
        }
        (None, Some(_)) => {
            return refuse("`tls.key` is set and `tls.cert` is not; TLS needs both".to_owned());
        }
        (None, None) if !config.listen.ip().is_loopback() && !config.insecure => {
            return refuse(format!(
                "the address {} can be reached by others, and without TLS tokens and images would pass in the clear; set `tls.cert` and `tls.key`, listen on 127.0.0.1, or say --insecure",
                config.listen
            ));
        }
        _ => {}
    }
    for name in config.limits.attempts_per_action.keys() {
        if format!("{name}@v1").parse::<ActionRef>().is_err() {
            return refuse(format!(
                "`limits.attempts_per_action` names `{name}`, which is no action: write it as `family/name`, without a version"
            ));
        }
    }
    let limits = serde_json::to_value(&config.limits).unwrap_or_default();
    for limit in Limits::table() {
        if limits[limit.key] == 0 && !MAY_BE_ZERO.contains(&limit.key) {
            return refuse(format!("`limits.{}` must be at least 1: with 0 nothing would work", limit.key));
        }
        // The database and many counters are signed.
        if limits[limit.key].as_u64().is_some_and(|value| i64::try_from(value).is_err()) {
            return refuse(format!("`limits.{}` is larger than {}", limit.key, i64::MAX));
        }
    }
    Ok(())
}
