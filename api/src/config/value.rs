//! Reads a raw value as the kind that its setting takes.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;

use serde_json::{Map, Value as Json};
use vocab::Value;

use super::Kind;
use super::redact::hide_credentials;

/// A value as a layer gave it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    /// From a variable, a flag or the table of defaults.
    Text(String),
    /// From the file.
    Toml(toml::Value),
}

impl Raw {
    /// The value in the form that the typed configuration is read from; `None` when it is not of that kind.
    pub(super) fn read(&self, kind: Kind) -> Option<Json> {
        match (self, kind) {
            (Self::Text(text), Kind::Paths) => {
                paths(text.split(':').filter(|part| !part.is_empty()).map(str::to_owned))
            }
            (Self::Toml(toml::Value::Array(items)), Kind::Paths) => {
                paths(items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?)
            }
            (Self::Text(text), Kind::Hosts) => {
                hosts(text.split(',').map(str::trim).filter(|part| !part.is_empty()))
            }
            (Self::Toml(toml::Value::Array(items)), Kind::Hosts) => {
                hosts(items.iter().map(toml::Value::as_str).collect::<Option<Vec<_>>>()?)
            }
            (Self::Text(text), Kind::Map) => {
                let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
                map(pairs.map(|pair| pair.split_once('=').map(|(name, value)| (name.trim(), value.trim()))))
            }
            (Self::Toml(toml::Value::Table(entries)), Kind::Map) => {
                map(entries.iter().map(|(name, value)| Some((name.as_str(), value.as_str()?))))
            }
            (Self::Text(text), Kind::Counts) => {
                let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
                counts(pairs.map(|pair| {
                    let (name, count) = pair.split_once('=')?;
                    Some((name.trim(), count.trim().parse().ok()?))
                }))
            }
            (Self::Toml(toml::Value::Table(entries)), Kind::Counts) => counts(
                entries
                    .iter()
                    .map(|(name, count)| Some((name.as_str(), u64::try_from(count.as_integer()?).ok()?))),
            ),
            (Self::Text(text), _) => scalar(text, kind),
            // In a typed file a quoted number or boolean is a mistake.
            (Self::Toml(toml::Value::String(_)), Kind::Flag | Kind::Count) => None,
            (Self::Toml(toml::Value::String(text)), _) => scalar(text, kind),
            (Self::Toml(toml::Value::Boolean(flag)), Kind::Flag) => Some(Json::Bool(*flag)),
            (Self::Toml(toml::Value::Integer(number)), Kind::Bytes | Kind::Seconds | Kind::Count) => {
                u64::try_from(*number).ok().map(Json::from)
            }
            (Self::Toml(_), _) => None,
        }
    }

    /// What was given, for messages: without credentials, which end up in logs.
    pub(super) fn shown(&self) -> String {
        let text = match self {
            Self::Text(text) => format!("`{text}`"),
            Self::Toml(value) => format!("`{value}`"),
        };
        hide_credentials(&text).chars().take(120).collect()
    }
}

fn scalar(text: &str, kind: Kind) -> Option<Json> {
    let text = text.trim();
    match kind {
        Kind::Text => Some(text.into()),
        Kind::Word(words) => words.contains(&text).then(|| text.into()),
        Kind::Flag => match text {
            "true" | "1" | "yes" => Some(true.into()),
            "false" | "0" | "no" => Some(false.into()),
            _ => None,
        },
        Kind::Path => (!text.is_empty()).then(|| text.into()),
        Kind::Address => text.parse::<SocketAddr>().ok().map(|address| address.to_string().into()),
        Kind::Database => {
            let ours = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
            ours.then(|| text.into())
        }
        Kind::Url => is_url(text).then(|| text.into()),
        Kind::Bytes => Value::from(text).as_size().map(Json::from),
        Kind::Seconds => {
            if let Ok(seconds) = text.parse::<u64>() {
                return Some(seconds.into());
            }
            let duration = Value::from(text).as_duration()?;
            // Below a second there is nothing to configure; silently cutting would surprise.
            (duration.subsec_nanos() == 0).then(|| duration.as_secs().into())
        }
        Kind::Count => text.parse::<u64>().ok().map(Json::from),
        Kind::Paths | Kind::Hosts | Kind::Map | Kind::Counts => None,
    }
}

fn paths(items: impl IntoIterator<Item = String>) -> Option<Json> {
    items.into_iter().map(|item| Path::new(&item).is_absolute().then_some(Json::String(item))).collect()
}

/// Names, IPv4, and IPv6 with or without brackets. An entry with a port would never match.
fn hosts<'a>(items: impl IntoIterator<Item = &'a str>) -> Option<Json> {
    let fits = |item: &str| {
        let bare = item.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(item);
        let name = !item.is_empty()
            && item.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        name || bare.parse::<Ipv6Addr>().is_ok()
    };
    items.into_iter().map(|item| fits(item).then(|| Json::from(item))).collect()
}

fn map<'a>(pairs: impl Iterator<Item = Option<(&'a str, &'a str)>>) -> Option<Json> {
    pairs
        .map(|pair| pair.map(|(name, value)| (name.to_owned(), Json::from(value))))
        .collect::<Option<Map<_, _>>>()
        .map(Json::Object)
}

fn counts<'a>(pairs: impl Iterator<Item = Option<(&'a str, u64)>>) -> Option<Json> {
    pairs
        .map(|pair| pair.filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count.into())))
        .collect::<Option<Map<_, _>>>()
        .map(Json::Object)
}

fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_and_times_read_as_people_write_them() {
        assert_eq!(Raw::Text("2MiB".into()).read(Kind::Bytes), Some(json!(2_097_152)));
        assert_eq!(Raw::Text("1m 30s".into()).read(Kind::Seconds), Some(json!(90)));
        assert_eq!(Raw::Text("250ms".into()).read(Kind::Seconds), None);
        assert_eq!(Raw::Toml(toml::Value::Integer(-1)).read(Kind::Bytes), None);
    }

    #[test]
    fn lists_and_tables_fit_into_a_variable() {
        assert_eq!(Raw::Text("/a:/b".into()).read(Kind::Paths), Some(json!(["/a", "/b"])));
        assert_eq!(
            Raw::Text("a:b".into()).read(Kind::Paths),
            None,
            "relative roots would depend on the folder"
        );
        assert_eq!(Raw::Text("a.b, ::1".into()).read(Kind::Hosts), Some(json!(["a.b", "::1"])));
        assert_eq!(Raw::Text("a.b:22".into()).read(Kind::Hosts), None, "a port would never match");
        assert_eq!(
            Raw::Text("docker.io=mirror:5000".into()).read(Kind::Map),
            Some(json!({"docker.io": "mirror:5000"}))
        );
        assert_eq!(
            Raw::Text("container/buildah=2, shell/run=1".into()).read(Kind::Counts),
            Some(json!({"container/buildah": 2, "shell/run": 1}))
        );
        assert_eq!(Raw::Text("shell/run=0".into()).read(Kind::Counts), None, "it would never run");
    }
}
