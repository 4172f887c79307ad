//! The configuration file: TOML, flattened to dotted keys.

use std::path::Path;

use super::redact::hide_credentials;
use super::table::settings;
use super::value::Raw;
use super::{ConfigError, Kind};

/// Larger is no configuration.
const MOST_BYTES: u64 = 1024 * 1024;

/// The file's values by dotted key; `None` when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<(String, Raw)>>, ConfigError> {
    let unreadable = |reason: String| ConfigError::Unreadable { path: path.to_owned(), reason };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            let folder = path.parent().unwrap_or(path);
            return Err(ConfigError::NoFolder { path: folder.to_owned() });
        }
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(meta) if meta.len() > MOST_BYTES => {
            return Err(unreadable(format!("it is larger than {MOST_BYTES} bytes")));
        }
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::NotToml {
        path: path.to_owned(),
        // It shows the line, and that may be the one with the proxy's password.
        reason: hide_credentials(&error.to_string()),
    })?;
    let mut values = Vec::new();
    flatten("", table, &mut values);
    Ok(Some(values))
}

/// Tables become dotted keys, save where a setting takes a table.
fn flatten(prefix: &str, table: toml::Table, into: &mut Vec<(String, Raw)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        let whole = settings()
            .iter()
            .any(|setting| setting.key == key && matches!(setting.kind, Kind::Map | Kind::Counts));
        match value {
            toml::Value::Table(inner) if !whole => flatten(&key, inner, into),
            value => into.push((key, Raw::Toml(value))),
        }
    }
}
