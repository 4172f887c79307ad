//! The environment of the process, read once: the only place that reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What every variable of the factory begins with.
pub(super) const PREFIX: &str = "IMAGE_FACTORY_";

/// Variables that belong to a client or to the start, not to the table of settings.
pub(super) const OTHERS: &[(&str, &str)] = &[
    ("IMAGE_FACTORY_CONFIG", "The configuration file, like `--config`."),
    ("IMAGE_FACTORY_SERVER", "URL of the server that client commands talk to, like `--server`."),
    (
        "IMAGE_FACTORY_TOKEN",
        "Token that client commands show to the server; else `admin.token` of the data folder, to its own server.",
    ),
    (TOOLS, "A folder with more tools, looked up before `PATH`."),
];

const TOOLS: &str = "IMAGE_FACTORY_TOOLS";
/// Variables of the test set-up, which the factory itself passes over.
const TESTS: &str = "IMAGE_FACTORY_TEST_";

/// Variables as they were when the process started. Those that are not UTF-8 are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        // `vars` would panic at a variable that is not UTF-8, and anybody may set one.
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// The variable, unless it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The factory's own variables that are set, by name.
    pub(super) fn own(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(|(name, _)| name.starts_with(PREFIX) && !name.starts_with(TESTS))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Where tools are looked up: `IMAGE_FACTORY_TOOLS`, then `PATH`, with the administrator's folders at its end, which a plain user's `PATH`
    /// leaves out.
    pub(crate) fn search_path(&self) -> String {
        let own = self.get("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin");
        let more = self.get(TOOLS).into_iter();
        let mut folders: Vec<&str> =
            more.chain(own.split(':')).filter(|folder| folder.starts_with('/')).collect();
        for folder in ["/usr/local/sbin", "/usr/sbin", "/sbin"] {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders.join(":")
    }

    /// Where state lives when nobody says otherwise: `$XDG_STATE_HOME/image-factory`, by default below
    /// `~/.local/state`.
    pub(super) fn state_folder(&self) -> Option<PathBuf> {
        let absolute = |name| self.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        Some(base.join("image-factory"))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
