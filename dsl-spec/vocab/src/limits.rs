//! Every bound of the factory in one table: name, default, unit, meaning.
//!
//! The configuration reference and `image-factory config show` are made from [`Limits::table`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The unit in which a limit is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Whole seconds.
    Seconds,
    /// A plain number of things.
    Count,
}

/// A row of the table of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Key under `limits` in the configuration.
    pub key: &'static str,
    /// What holds when nothing is configured.
    pub default: u64,
    /// The unit of the number.
    pub unit: Unit,
    /// What it bounds.
    pub doc: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $key:ident : $unit:ident = $default:expr;)+) => {
        /// The bounds in force. Each field's default stands in [`Limits::table`].
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $key: u64,)+
            /// Attempts of an action that run at once, by its name without a version: `container/buildah`.
            pub attempts_per_action: BTreeMap<String, u64>,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($key: $default,)+ attempts_per_action: BTreeMap::new() }
            }
        }

        impl Limits {
            /// All limits that are one number, with their defaults, in the order of the reference.
            pub const fn table() -> &'static [Limit] {
                const TABLE: &[Limit] = &[$(Limit {
                    key: stringify!($key),
                    default: $default,
                    unit: Unit::$unit,
                    doc: concat!($($doc),+).trim_ascii(),
                },)+];
                TABLE
            }
        }
    };
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

limits! {
    /// Size of a workflow file.
    workflow_bytes: Bytes = MIB;
    /// Workflow files in `.image-factory/` at one commit; a push with more starts nothing.
    workflow_files: Count = 100;
    /// Nesting of a workflow file.
    workflow_depth: Count = 64;
    /// Nodes that a workflow file may have once its aliases are expanded.
    workflow_nodes: Count = 100_000;
    /// Steps of a run, instances included.
    run_steps: Count = 10_000;
    /// Payload of one event in the database; a larger one lies in the content store.
    event_bytes: Bytes = 64 * KIB;
    /// Inputs, outputs or items of one step, as JSON; larger ones are refused, since files are passed as trees and reports.
    value_bytes: Bytes = MIB;
    /// Inputs, outputs and items of all steps of a run together, as JSON.
    run_value_bytes: Bytes = 64 * MIB;
    /// Log of one attempt; what comes after is dropped and a line says so.
    log_bytes: Bytes = 64 * MIB;
    /// Length of a log line; the rest is cut and marked.
    log_line_bytes: Bytes = 16 * KIB;
    /// Work folder of one attempt; each file and folder in it counts at least 4 KiB.
    work_bytes: Bytes = 20 * GIB;
    /// Files and folders in one tree.
    tree_entries: Count = 2_000_000;
    /// Size of one tree, unpacked.
    tree_bytes: Bytes = 20 * GIB;
    /// Data folder as a whole; above it nothing new is started or pushed.
    data_bytes: Bytes = 500 * GIB;
    /// Free space below which nothing new is started.
    free_bytes: Bytes = GIB;
    /// Time for one attempt when the workflow names none.
    attempt_seconds: Seconds = 3600;
    /// Time for a whole run.
    run_seconds: Seconds = 24 * 3600;
    /// Time between asking a tool to stop and killing it.
    grace_seconds: Seconds = 10;
    /// Time that a shutdown waits for running attempts before it cancels them.
    drain_seconds: Seconds = 30;
    /// Attempts that run at once.
    concurrent_attempts: Count = 4;
    /// Runs of one workflow of a project that go on at once, those that steps start not counted; further ones wait. 0 for no bound.
    runs_per_workflow: Count = 0;
    /// Runs of one project that go on at once; further ones wait. 0 for no bound.
    runs_per_project: Count = 0;
    /// Runs of one tenant that go on at once; further ones wait. 0 for no bound.
    runs_per_tenant: Count = 0;
    /// Tries to undo one effect before it counts as stuck.
    undo_attempts: Count = 5;
    /// Times that an attempt may be lost to a crash before its step fails.
    lost_attempts: Count = 5;
    /// Body of an API request or a webhook.
    body_bytes: Bytes = 25 * MIB;
    /// Time for the answer to a webhook; work that takes longer goes on, and the answer names where to look. Git hosts give up after about ten seconds.
    webhook_seconds: Seconds = 8;
    /// Manifest that the registry accepts.
    manifest_bytes: Bytes = 4 * MIB;
    /// Blob that the registry accepts.
    blob_bytes: Bytes = 50 * GIB;
    /// Uploads to the registry that are open at once.
    uploads: Count = 256;
    /// Events that one follower may lag behind before it is cut; it resumes with `Last-Event-ID`.
    event_backlog: Count = 1024;
    /// Jobs that wait for the database's writer.
    writer_queue: Count = 1024;
    /// Processes and threads of one tool.
    tool_processes: Count = 4096;
    /// Open files of one tool.
    tool_files: Count = 65_536;
    /// Largest file that a tool may write.
    tool_file_bytes: Bytes = 20 * GIB;
    /// Address space of one tool; 0 for no bound.
    tool_memory_bytes: Bytes = 0;
    /// Operations that one expression may take.
    expression_operations: Count = 10_000;
}

/// Reads a duration: parts such as `1h 30m`, `90s`, `250ms`. `None` when it is no duration.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let tail = &rest[digits..];
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let millis: u64 = match &tail[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(count.checked_mul(millis)?))?;
        rest = tail[letters..].trim_start();
    }
    Some(total)
}

/// Reads a size: `512MiB`, `20GiB`, `100kB`, `42`. `None` when it is no size.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let count: u64 = text[..digits].parse().ok()?;
    let factor = match text[digits..].trim_start() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => GIB,
        "TiB" => 1024 * GIB,
        _ => return None,
    };
    count.checked_mul(factor)
}

impl crate::Value {
    /// The length of time that a value of type `duration` means.
    pub fn as_duration(&self) -> Option<Duration> {
        self.as_str().and_then(parse_duration)
    }

    /// The number of bytes that a value of type `size` means.
    pub fn as_size(&self) -> Option<u64> {
        match self {
            Self::Integer(bytes) => u64::try_from(*bytes).ok(),
            Self::String(text) => parse_size(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_as_people_write_them() {
        assert_eq!(parse_duration("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("20m"), Some(Duration::from_secs(1200)));
        assert_eq!(parse_size("2GiB"), Some(2 * GIB));
        for wrong in ["", "5", "m", "5 parsecs", "-1s", "99999999999999999999s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
        for wrong in ["", "B", "1XB", "-1", "99999999999999999999"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn unknown_limits_are_refused() {
        assert!(serde_json::from_str::<Limits>(r#"{"workflow_byte": 1}"#).is_err());
        assert_eq!(serde_json::from_str::<Limits>("{}").unwrap(), Limits::default());
    }
}
