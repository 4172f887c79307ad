//! The reference page of the configuration, made from the table.

use std::fmt::Write as _;

use super::environment::OTHERS;
use super::table::settings;
use super::{Kind, Setting};

/// `docs/reference/configuration.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Made from the table of settings in `api/src/config/table.rs`; do not edit. `make generate` writes it again.\n\n\
         A value comes from the last of these that names it: the default, the file (`--config FILE`, else \
         `image-factory.toml` in the data folder), the environment, a flag. Every setting can be given as \
         `--set KEY=VALUE`. Unknown keys and unknown variables that begin with `IMAGE_FACTORY_` are refused. \
         `image-factory config show` prints every value with its origin; with `--redacted`, without the \
         credentials in URLs. Those of the database are never printed.\n\n\
         Sizes are numbers of bytes or texts such as `64MiB`; times are numbers of seconds or texts such as \
         `1h 30m`. In variables, lists of paths are separated by `:`, lists of hosts by `,`, and tables are written `a=b,c=d`.\n",
    );
    for (title, prefix) in [
        ("Server", ""),
        ("TLS", "tls."),
        ("Database", "database."),
        ("Log", "log."),
        ("Steps", "steps."),
        ("Retention", "retention."),
        ("Limits", "limits."),
    ] {
        let _ = write!(
            page,
            "\n## {title}\n\n| key | kind | default | variable | meaning |\n| --- | --- | --- | --- | --- |\n"
        );
        for setting in settings().iter().filter(|setting| section(setting) == prefix) {
            let also = match setting.also {
                [] => String::new(),
                names => format!(", else `{}`", names.join("`, `")),
            };
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | `{}`{also} | {} |",
                setting.key,
                kind(setting.kind),
                setting.default.as_deref().map_or_else(String::new, |default| format!("`{default}`")),
                setting.variable(),
                setting.doc
            );
        }
    }
    page.push_str("\n## Other variables\n\n| variable | meaning |\n| --- | --- |\n");
    for (name, doc) in OTHERS {
        let _ = writeln!(page, "| `{name}` | {doc} |");
    }
    page
}

fn section(setting: &Setting) -> &str {
    setting.key.find('.').map_or("", |dot| &setting.key[..=dot])
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Word(words) => format!("`{}`", words.join("`, `")),
        other => other.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_place_on_the_page() {
        let page = reference();
        for setting in settings() {
            assert!(page.contains(&format!("| `{}` |", setting.key)), "{} is in no section", setting.key);
        }
    }

    /// `UPDATE=1` writes it.
    #[test]
    fn the_reference_page_follows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/configuration.md");
        if crate::config::Environment::of_process().get("UPDATE").is_some() {
            std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
            std::fs::write(path, reference()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == reference(), "docs/reference/configuration.md is stale; run `make generate`");
    }
}
