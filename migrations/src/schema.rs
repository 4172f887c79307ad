//! The migrations of each database, in order. A new one is a file in `sqlite/<schema>/`, its twin
//! in `postgres/<schema>/` where there is such a folder, and a line here.

/// Which database of the factory a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Schema {
    /// Runs, events, effects, leases, projects: `engine.db`.
    Engine,
    /// Repositories, manifests, tags, uploads: `registry.db`.
    Registry,
}

/// One numbered change of a schema. Once released it is never edited: a change is a new migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Migration {
    /// The file's name without `.sql`; it begins with the migration's number, from `0001`.
    pub(crate) name: &'static str,
    /// Statements, separated by semicolons.
    pub(crate) sql: &'static str,
}

macro_rules! migrations {
    ($($folder:literal),+: $names:tt) => {
        ($(migrations!(@ $folder $names)),+)
    };
    (@ $folder:literal [$($name:literal),* $(,)?]) => {
        &[$(Migration {
            name: $name,
            sql: include_str!(concat!("../", $folder, "/", $name, ".sql")),
        }),*]
    };
}

type List = &'static [Migration];

/// The engine's, for SQLite and for PostgreSQL.
const ENGINE: (List, List) = migrations![
    "sqlite/engine", "postgres/engine":
    [
        "0001_runs", "0002_projects", "0003_project_credentials", "0004_stuck_effects", "0005_attempt_logs",
        "0006_retention", "0007_claims", "0008_memo_use", "0009_groups", "0010_requests",
    ]
];

const REGISTRY: List = migrations!["sqlite/registry": ["0001_content", "0002_catalog", "0003_claims"]];

/// What PostgreSQL is asked to hold.
pub(crate) const POSTGRES: List = ENGINE.1;

impl Schema {
    /// The word used in folder names and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Registry => "registry",
        }
    }

    /// Those of a file.
    pub(crate) const fn migrations(self) -> List {
        match self {
            Self::Engine => ENGINE.0,
            Self::Registry => REGISTRY,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_listed_under_its_number() {
        for (folder, list) in [
            ("sqlite/engine", Schema::Engine.migrations()),
            ("sqlite/registry", Schema::Registry.migrations()),
            ("postgres/engine", POSTGRES),
        ] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let files: BTreeSet<String> = std::fs::read_dir(&folder)
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let listed: Vec<_> = list.iter().map(|migration| format!("{}.sql", migration.name)).collect();
            assert_eq!(files.into_iter().collect::<Vec<_>>(), listed, "{}", folder.display());
            for (position, name) in listed.iter().enumerate() {
                assert!(name.starts_with(&format!("{:04}_", position + 1)), "{name}");
            }
        }
    }
}
