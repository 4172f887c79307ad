//! The migrations of each database, in order. A new one is a file in `sqlite/<schema>/` and a line here.

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
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sql: include_str!(concat!("../sqlite/", $folder, "/", $name, ".sql")),
        }),*]
    };
}

const ENGINE: &[Migration] = migrations![
    "engine": "0001_runs", "0002_projects", "0003_project_credentials", "0004_stuck_effects", "0005_attempt_logs",
    "0006_retention", "0007_memo_use"
];

const REGISTRY: &[Migration] = migrations!["registry": "0001_content", "0002_catalog", "0003_claims"];

impl Schema {
    /// The word used in folder names and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Registry => "registry",
        }
    }

    pub(crate) const fn migrations(self) -> &'static [Migration] {
        match self {
            Self::Engine => ENGINE,
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
        for schema in [Schema::Engine, Schema::Registry] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sqlite").join(schema.name());
            let files: BTreeSet<String> = std::fs::read_dir(&folder)
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let listed: Vec<_> =
                schema.migrations().iter().map(|migration| format!("{}.sql", migration.name)).collect();
            assert_eq!(files.into_iter().collect::<Vec<_>>(), listed, "{}", folder.display());
            for (position, name) in listed.iter().enumerate() {
                assert!(name.starts_with(&format!("{:04}_", position + 1)), "{name}");
            }
        }
    }
}
