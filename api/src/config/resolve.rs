//! Layers become one configuration, each value with its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value as Json};
use vocab::Limits;

use super::environment::{OTHERS, PREFIX};
use super::redact::redact;
use super::table::settings;
use super::value::Raw;
use super::{Config, ConfigError, Environment, Kind, Setting, check, file};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of settings.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`: the file to read instead of `DATA_DIR/image-factory.toml`. It must exist.
    pub config: Option<PathBuf>,
    /// Flags with their key and value: (`--listen`, `listen`, `127.0.0.1:0`).
    pub values: Vec<(String, String, String)>,
}

/// A value in force, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    value: Json,
    origin: Origin,
}

/// A configuration with the origin of each value.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The values, typed and checked.
    pub config: Config,
    held: BTreeMap<String, Held>,
}

/// A value as `config show` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Dotted key.
    pub key: String,
    /// The value; null where it is unset.
    pub value: Json,
    /// Where it comes from.
    pub origin: String,
}

impl Resolved {
    /// Every setting in the order of the table; with `redacted`, credentials in URLs are hidden, and those of the
    /// database always.
    pub fn show(&self, redacted: bool) -> Vec<Shown> {
        settings()
            .iter()
            .map(|setting| {
                let held = self.held.get(setting.key.as_ref());
                let value = held.map_or(Json::Null, |held| held.value.clone());
                Shown {
                    key: setting.key.to_string(),
                    value: match setting.kind {
                        Kind::Database => hide_address(value),
                        _ if redacted => redact(value),
                        _ => value,
                    },
                    origin: held.map_or(Origin::Default, |held| held.origin.clone()).to_string(),
                }
            })
            .collect()
    }
}

/// Reads all layers. Touches the file system only to read the configuration file.
///
/// # Errors
/// The first value that is unknown, of the wrong kind, or not safe; with its origin.
pub fn resolve(environment: &Environment, flags: &Flags) -> Result<Resolved, ConfigError> {
    let mut held = BTreeMap::new();
    for setting in settings() {
        if let Some(default) = &setting.default {
            put(&mut held, setting, &Raw::Text(default.to_string()), Origin::Default)?;
        }
    }
    let data_dir = data_folder(environment, flags)?;
    let named = flags.config.clone().or_else(|| environment.get("IMAGE_FACTORY_CONFIG").map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| data_dir.join("image-factory.toml"));
    match file::read(&path)? {
        Some(values) => {
            for (key, raw) in values {
                let origin = Origin::File(path.clone());
                if key == "data_dir" && named.is_none() {
                    return Err(ConfigError::Refused(format!(
                        "{origin}: `data_dir` cannot stand in a file inside the data folder; give it with --data-dir or IMAGE_FACTORY_DATA_DIR"
                    )));
                }
                put(&mut held, find(&key, &origin)?, &raw, origin)?;
            }
        }
        None if named.is_some() => {
            return Err(ConfigError::Unreadable { path, reason: "there is no such file".to_owned() });
        }
        None => {}
    }
    for setting in settings() {
        for name in setting.also.iter().rev() {
            if let Some(value) = environment.get(name) {
                let origin = Origin::Environment((*name).to_owned());
                put(&mut held, setting, &Raw::Text(value.to_owned()), origin)?;
            }
        }
    }
    for (name, value) in environment.own() {
        if value.is_empty() || OTHERS.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let origin = Origin::Environment(name.to_owned());
        let setting = settings().iter().find(|setting| setting.variable() == name).ok_or_else(|| {
            let all: Vec<_> = settings().iter().map(Setting::variable).collect();
            let nearest = nearest(name, all.iter().map(String::as_str));
            ConfigError::Unknown { origin: origin.clone(), key: name.to_owned(), nearest }
        })?;
        put(&mut held, setting, &Raw::Text(value.to_owned()), origin)?;
    }
    for (flag, key, value) in &flags.values {
        let origin = Origin::Flag(flag.clone());
        put(&mut held, find(key, &origin)?, &Raw::Text(value.clone()), origin)?;
    }
    if !held.contains_key("data_dir") {
        let value = Json::String(data_dir.to_string_lossy().into_owned());
        held.insert("data_dir".to_owned(), Held { value, origin: Origin::Default });
    }
    let config: Config = serde_json::from_value(nest(&held))
        .map_err(|error| ConfigError::Refused(format!("the configuration does not fit together: {error}")))?;
    check::check(&config)?;
    Ok(Resolved { config, held })
}

/// A folder that is not there: nobody's home, by convention.
const NOWHERE: &str = "/nonexistent";

/// The bounds in force, for commands that only read a workflow: they work without a data folder too, as in a
/// container without a home.
///
/// # Errors
/// As [`resolve`].
pub fn limits(environment: &Environment, flags: &Flags) -> Result<Limits, ConfigError> {
    let resolved = match resolve(environment, flags) {
        Err(ConfigError::NoDataFolder) => {
            let mut flags = flags.clone();
            flags.values.push(("--data-dir".to_owned(), "data_dir".to_owned(), NOWHERE.to_owned()));
            resolve(environment, &flags)
        }
        resolved => resolved,
    };
    Ok(resolved?.config.limits)
}

/// Where the file of the data folder is looked for: flag, then variable, then the default place.
fn data_folder(environment: &Environment, flags: &Flags) -> Result<PathBuf, ConfigError> {
    let flag = flags.values.iter().rev().find(|(_, key, _)| key == "data_dir");
    let said = flag.map(|(.., value)| value.as_str()).or_else(|| environment.get("IMAGE_FACTORY_DATA_DIR"));
    said.map(PathBuf::from).or_else(|| environment.state_folder()).ok_or(ConfigError::NoDataFolder)
}

fn find(key: &str, origin: &Origin) -> Result<&'static Setting, ConfigError> {
    settings().iter().find(|setting| setting.key == key).ok_or_else(|| ConfigError::Unknown {
        origin: origin.clone(),
        key: key.chars().take(120).collect(),
        nearest: nearest(key, settings().iter().map(|setting| setting.key.as_ref())),
    })
}

fn put(
    held: &mut BTreeMap<String, Held>,
    setting: &Setting,
    raw: &Raw,
    origin: Origin,
) -> Result<(), ConfigError> {
    let value = raw.read(setting.kind).ok_or_else(|| ConfigError::WrongValue {
        origin: origin.clone(),
        key: setting.key.to_string(),
        expected: setting.kind.expected(),
        // Whoever mistypes the beginning of an address has typed its password as well.
        found: if setting.kind == Kind::Database { "another text".to_owned() } else { raw.shown() },
    })?;
    let value = if setting.kind == Kind::Path { relative_to_file(value, &origin) } else { value };
    held.insert(setting.key.to_string(), Held { value, origin });
    Ok(())
}

/// A relative path in a file means the file's folder; elsewhere the working folder.
fn relative_to_file(value: Json, origin: &Origin) -> Json {
    match (&value, origin) {
        (Json::String(path), Origin::File(file)) if Path::new(path).is_relative() => {
            let folder = file.parent().unwrap_or(Path::new("."));
            Json::String(folder.join(path).to_string_lossy().into_owned())
        }
        _ => value,
    }
}

fn nest(held: &BTreeMap<String, Held>) -> Json {
    fn insert(at: &mut Map<String, Json>, key: &str, value: &Json) {
        match key.split_once('.') {
            None => {
                at.insert(key.to_owned(), value.clone());
            }
            Some((part, rest)) => {
                if let Json::Object(inner) = at.entry(part).or_insert_with(|| Json::Object(Map::new())) {
                    insert(inner, rest, value);
                }
            }
        }
    }
    let mut root = Map::new();
    for (key, held) in held {
        insert(&mut root, key, &held.value);
    }
    Json::Object(root)
}

/// The host and name of a database, without whoever logs in and without parameters: a password may stand in both.
fn hide_address(value: Json) -> Json {
    let Json::String(text) = value else { return value };
    let (scheme, rest) = text.split_once("://").unwrap_or(("postgres", &text));
    let (address, parameters) = rest.split_once('?').map_or((rest, ""), |(address, _)| (address, "?***"));
    // The last `@`: a password with one in it is wrong, and must not be shown for that.
    let host = address.rsplit_once('@').map_or_else(|| address.to_owned(), |(_, host)| format!("***@{host}"));
    Json::String(format!("{scheme}://{host}{parameters}"))
}

/// The candidate nearest to `name`, when it is near enough to be worth a question.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let short: String = name.chars().take(80).collect();
    candidates
        .map(|candidate| (strsim::osa_distance(&short, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= candidate.len().saturating_sub(PREFIX.len() / 2).max(3) / 3
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests;
