//! The configuration, typed.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use engine_ports::StepSettings;
use serde::Deserialize;
use vocab::Limits;

/// What is in force. Each field's meaning stands in the table of settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of databases, blobs, logs and work.
    pub data_dir: PathBuf,
    /// Address to serve on.
    pub listen: SocketAddr,
    /// Whether an address that is not loopback may go without TLS.
    pub insecure: bool,
    /// Where runs, projects and tokens are kept.
    pub database: DatabaseConfig,
    /// URL under which others reach the server.
    pub external_url: Option<String>,
    /// Certificate and key.
    #[serde(default)]
    pub tls: TlsConfig,
    /// What is logged and how.
    pub log: LogConfig,
    /// What reaches tools and build containers.
    #[serde(default)]
    pub steps: StepSettings,
    /// How long what is over is kept.
    pub retention: RetentionConfig,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
}

/// The database of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// A server; none for a file in the data folder.
    pub url: Option<DatabaseUrl>,
    /// Connections to it.
    pub connections: u32,
}

/// The address of a server, with its password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct DatabaseUrl(pub String);

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(***)")
    }
}

/// Files of the server's identity; both or neither.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate with its chain, PEM.
    pub cert: Option<PathBuf>,
    /// Private key, PEM.
    pub key: Option<PathBuf>,
}

/// The server's own log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or filters by module.
    pub level: String,
    /// Its form.
    pub format: LogFormat,
}

/// How long runs and deliveries are kept that are over, and entries of the cache that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// Days; 0 is for ever.
    pub runs_days: u64,
    /// The last runs of each workflow, which stay.
    pub runs_per_workflow_min: u64,
    /// Days without use after which an entry of the cache goes; 0 is for ever.
    pub cache_days: u64,
}

/// The form of the server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
