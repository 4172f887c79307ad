//! The conformance corpus: its files, its catalogue, its options.

use std::fs;
use std::path::{Path, PathBuf};

use lang::{Catalogue, CompileOptions, SourceFile, Trust};
use libtest_mimic::Failed;
use vocab::{ActionManifest, Limits};

/// The folder of the language's specification.
pub(crate) fn specification() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whether snapshots are written anew.
#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}

/// The YAML files of a folder, sorted.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = specification().join("conformance").join(folder);
    let entries = fs::read_dir(&folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let mut files: Vec<PathBuf> = entries.unwrap_or_default();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// The actions that the corpus uses.
pub(crate) fn catalogue() -> Result<Catalogue, Failed> {
    let text = fs::read_to_string(specification().join("conformance/catalogue.json"))?;
    let actions: Vec<ActionManifest> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(Catalogue::new(actions))
}

/// A file and the options that its first line asks for.
pub(crate) fn load(file: &Path) -> Result<(SourceFile, CompileOptions), Failed> {
    let bytes = fs::read(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let source = SourceFile::from_bytes(name, &bytes);
    let options = options(source.text())?;
    Ok((source, options))
}

/// The options that the first line of a text asks for.
pub(crate) fn options(text: &str) -> Result<CompileOptions, Failed> {
    let mut options = CompileOptions::default();
    let first = text.lines().next().unwrap_or_default();
    let mut limits = serde_json::to_value(Limits::default()).map_err(|error| error.to_string())?;
    for word in first.strip_prefix("# with ").unwrap_or_default().split_whitespace() {
        match word.split_once('=') {
            Some(("trust", "host")) => options.trust = Trust::Host,
            Some((key, value)) => {
                limits[key] = value.parse::<u64>().map_err(|error| format!("{word}: {error}"))?.into();
            }
            None => return Err(format!("`{word}` is no option").into()),
        }
    }
    options.limits = serde_json::from_value(limits).map_err(|error| error.to_string())?;
    Ok(options)
}
