//! Every setting in one table: key, kind, default, meaning. Files, variables, `--set` and the reference follow it.

use std::borrow::Cow;
use std::sync::LazyLock;

use vocab::{Limits, Unit};

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A file or folder.
    Path,
    /// Files or folders; in a variable separated by `:`.
    Paths,
    /// Names or addresses of hosts; in a variable separated by `,`.
    Hosts,
    /// `ADDRESS:PORT`.
    Address,
    /// An `http:` or `https:` URL.
    Url,
    /// The address of a database server. It may hold a password, so it is never shown whole.
    Database,
    /// Texts by name; in a variable `a=b,c=d`.
    Map,
    /// Numbers above 0 by name; in a variable `a=1,b=2`.
    Counts,
    /// A number of bytes, also written `64MiB`.
    Bytes,
    /// A number of seconds, also written `1h 30m`.
    Seconds,
    /// A plain number.
    Count,
}

impl Kind {
    /// What it takes, for messages.
    pub fn expected(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Flag => "true or false".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Paths => "a list of absolute paths".to_owned(),
            Self::Hosts => "a list of names or addresses of hosts, without ports".to_owned(),
            Self::Address => "an address with a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned(),
            Self::Url => "an http or https URL".to_owned(),
            Self::Database => "postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned(),
            Self::Map => "a table of texts".to_owned(),
            Self::Counts => "a table of whole numbers above 0".to_owned(),
            Self::Bytes => "a number of bytes, such as 1048576 or \"1MiB\"".to_owned(),
            Self::Seconds => "a number of seconds, such as 90 or \"1m 30s\"".to_owned(),
            Self::Count => "a whole number".to_owned(),
        }
    }

    /// The word in the reference.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Word(_) => "word",
            Self::Flag => "boolean",
            Self::Path => "path",
            Self::Paths => "list of paths",
            Self::Hosts => "list of hosts",
            Self::Address => "address",
            Self::Url => "URL",
            Self::Database => "address of a database",
            Self::Map => "table of texts",
            Self::Counts => "table of numbers",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Count => "number",
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Dotted key, as in the file.
    pub key: Cow<'static, str>,
    /// What it takes.
    pub kind: Kind,
    /// What holds when nobody says otherwise, as a person would write it; `None` where it is unset then.
    pub default: Option<Cow<'static, str>>,
    /// Variables that everybody uses for the same thing, read when the factory's own is unset.
    pub also: &'static [&'static str],
    /// What it is for.
    pub doc: &'static str,
}

impl Setting {
    /// Its variable: `steps.mirrors.apt` is `IMAGE_FACTORY_STEPS_MIRRORS_APT`.
    pub fn variable(&self) -> String {
        format!("{}{}", super::environment::PREFIX, self.key.to_ascii_uppercase().replace('.', "_"))
    }

    const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }
}

const fn row(key: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Setting {
    let default = match default {
        Some(text) => Some(Cow::Borrowed(text)),
        None => None,
    };
    Setting { key: Cow::Borrowed(key), kind, default, also: &[], doc }
}

const ROWS: &[Setting] = &[
    row(
        "data_dir",
        Kind::Path,
        None,
        "Folder of databases, blobs, logs and work. Default: `$XDG_STATE_HOME/image-factory`, else `~/.local/state/image-factory`.",
    ),
    row(
        "listen",
        Kind::Address,
        Some("127.0.0.1:8080"),
        "Address that API and registry are served on. Port 0 takes a free one.",
    ),
    row(
        "insecure",
        Kind::Flag,
        Some("false"),
        "Allow an address that is not loopback without TLS: to serve on, and to show a token to.",
    ),
    row(
        "external_url",
        Kind::Url,
        None,
        "URL under which others reach the server, for links in answers. Default: made from the address.",
    ),
    row(
        "tls.cert",
        Kind::Path,
        None,
        "PEM file with the certificate and its chain. Read again when it changes and on SIGHUP.",
    ),
    row("tls.key", Kind::Path, None, "PEM file with the certificate's private key."),
    row(
        "database.url",
        Kind::Database,
        None,
        "PostgreSQL 15 or newer for runs, projects and tokens: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. One process works on a database at a time. Default: SQLite in the data folder, where images and their tags stay in any case.",
    ),
    row("database.connections", Kind::Count, Some("16"), "Connections to that server, at most."),
    row(
        "log.level",
        Kind::Text,
        Some("info"),
        "What the server logs: a level, or filters such as `info,image_factory=debug`.",
    ),
    row("log.format", Kind::Word(&["text", "json"]), Some("text"), "How it logs."),
    row("steps.http_proxy", Kind::Url, None, "Proxy for `http:` URLs, for tools and build containers.")
        .also(&["http_proxy"]),
    row("steps.https_proxy", Kind::Url, None, "Proxy for `https:` URLs, for tools and build containers.")
        .also(&["https_proxy", "HTTPS_PROXY"]),
    row("steps.no_proxy", Kind::Text, None, "Hosts that are reached without a proxy, separated by commas.")
        .also(&["no_proxy", "NO_PROXY"]),
    row("steps.ca_bundle", Kind::Path, None, "PEM file with authorities to trust besides the system's."),
    row(
        "steps.egress_public_only",
        Kind::Flag,
        Some("false"),
        "Whether containers with `network: egress` reach public addresses only, not private ranges ([what they reach](../how-to/egress.md)).",
    ),
    row(
        "steps.mirrors.apt",
        Kind::Url,
        None,
        "Debian mirror: `rootfs/debian` reads it, and apt in builds and containers is led to it ([how](../how-to/egress.md#apt)). Default: for `rootfs/debian`, the first `deb` source of the worker; for the others, none.",
    ),
    row(
        "steps.mirrors.apt_archives",
        Kind::Map,
        None,
        "Further archives of apt: URL as sources name it = URL to use.",
    ),
    row("steps.mirrors.pypi", Kind::Url, None, "Index for pip."),
    row("steps.mirrors.npm", Kind::Url, None, "Registry for npm."),
    row("steps.mirrors.go", Kind::Text, None, "`GOPROXY` for Go."),
    row(
        "steps.mirrors.registries",
        Kind::Map,
        Some("docker.io=docker.io"),
        "Image registries that `FROM` may name: host as written = host to use. A registry that is not here is refused; a table that is set replaces the default.",
    ),
    row("steps.mirrors.git", Kind::Map, None, "Git hosts: URL prefix as written = URL prefix to use."),
    row("steps.git_roots", Kind::Paths, None, "Folders below which `file://` repositories may lie."),
    row(
        "steps.git_local_hosts",
        Kind::Hosts,
        None,
        "Hosts that repositories may be fetched from although they are on loopback, link-local or cloud metadata addresses, as URLs write them. Private ranges need no entry ([what this keeps out](../how-to/git-hosts.md)).",
    ),
    row(
        "steps.git_known_hosts",
        Kind::Path,
        None,
        "Keys of ssh hosts in OpenSSH's `known_hosts` form; others are refused. Default: `/etc/ssh/ssh_known_hosts`.",
    ),
    row(
        "retention.runs_days",
        Kind::Count,
        Some("90"),
        "Days after its end that a run is kept, with its events, its logs and what it alone holds in the content store; also the days after which a delivery of a webhook is forgotten that was acted on. 0 keeps everything for ever. A run that has not ended is always kept, and so is one with an effect that a person must see: stuck, or not known to be gone.",
    ),
    row(
        "retention.runs_per_workflow_min",
        Kind::Count,
        Some("20"),
        "How many of the last runs of each workflow of a project are kept, however old they are.",
    ),
    row(
        "retention.cache_days",
        Kind::Count,
        Some("30"),
        "Days without a run that used it after which an entry of the cache is forgotten (a use is noted once a day, so it may stay a day longer); what it alone holds in the content store goes with it. 0 keeps every entry for ever.",
    ),
];

const PER_ACTION: Setting = row(
    "limits.attempts_per_action",
    Kind::Counts,
    None,
    "Attempts of an action that run at once, by its name without a version, whoever they belong to: `container/buildah=2`. Further ones wait and hold no place of others.",
);

/// All settings, in the order of the reference.
pub fn settings() -> &'static [Setting] {
    static TABLE: LazyLock<Vec<Setting>> = LazyLock::new(|| {
        let limits = Limits::table().iter().map(|limit| Setting {
            key: format!("limits.{}", limit.key).into(),
            kind: match limit.unit {
                Unit::Bytes => Kind::Bytes,
                Unit::Seconds => Kind::Seconds,
                Unit::Count => Kind::Count,
            },
            default: Some(limit.default.to_string().into()),
            also: &[],
            doc: limit.doc,
        });
        ROWS.iter().cloned().chain(limits).chain([PER_ACTION]).collect()
    });
    &TABLE
}
