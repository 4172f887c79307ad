//! Writes the workflow, once it compiles, and never over another.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use lang::SourceFile;
use vocab::{Limits, Name};

use super::survey::{Survey, survey};
use super::template::workflow;
use crate::catalogue::catalogue;
use crate::cli::setup::Setup;
use crate::cli::{Failure, lint};

/// Write a first workflow.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory init\n  image-factory init --name golden-debian path/to/repository"
)]
pub(in crate::cli) struct Init {
    /// The repository
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Name of the workflow and of its image [default: the folder's]
    #[arg(long)]
    name: Option<Name>,
}

pub(in crate::cli) fn init(command: &Init, setup: &Setup) -> Result<(), Failure> {
    let top = std::fs::canonicalize(&command.folder)
        .and_then(|top| if top.is_dir() { Ok(top) } else { Err(io::ErrorKind::NotADirectory.into()) })
        .map_err(|error| {
            Failure::usage(format!("cannot look at {}: {error}", command.folder.display()))
                .help("name the folder of a repository, or leave it out for this one")
        })?;
    let name = command.name.clone().or_else(|| name_of(&top)).ok_or_else(|| {
        Failure::usage("the folder's name is no name for a workflow").help("give one with --name NAME")
    })?;
    let found = survey(&top);
    let text = render(&found, &name, &top)?;
    let path = top.join(".image-factory").join(format!("{name}.yaml"));
    write(&path, &text)?;
    setup.ui.line(format!("wrote {}", path.display()));
    let what = match found.containerfiles.first() {
        Some(file) => format!("it builds {}", file.display()),
        None => "no Containerfile was found: it puts the files of the repository into an image".to_owned(),
    };
    setup.ui.note(what);
    if let Some(template) = found.packer.first() {
        let template = template.display();
        setup.ui.note(format!("{template} is a Packer template: this version has no action for it yet"));
    }
    for more in found.containerfiles.iter().skip(1) {
        setup.ui.note(format!("{} is not built yet", more.display()));
    }
    setup.ui.note(format!("next: commit it, then `image-factory run {}`", path.display()));
    Ok(())
}

/// The text, which must compile: a first workflow that does not would help nobody.
fn render(found: &Survey, name: &Name, top: &Path) -> Result<String, Failure> {
    let text = workflow(found, name, &branch(top))
        .map_err(|error| Failure::new(format!("the workflow cannot be written: {error}")))?;
    let source = SourceFile::new(format!("{name}.yaml"), text.clone());
    let compilation = lang::compile(&source, &catalogue(), &lint::options(Limits::default(), None));
    match compilation.diagnostics.first() {
        None => Ok(text),
        Some(first) => Err(Failure::new(first.render(&source)).help("please report this as a bug of `init`")),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} is there already and stays as it is", path.display()))
                .help("choose another name with --name NAME")
        }
        _ => Failure::new(format!("cannot write {}: {error}", path.display())),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)
}

/// The folder's name, as a name.
fn name_of(top: &Path) -> Option<Name> {
    let folder = top.file_name()?.to_string_lossy().to_lowercase();
    let words: Vec<&str> =
        folder.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-").parse().ok()
}

/// The branch that is checked out, else `main`.
fn branch(top: &Path) -> String {
    let head = std::fs::read_to_string(top.join(".git/HEAD")).unwrap_or_default();
    let name = head.trim().strip_prefix("ref: refs/heads/").unwrap_or("main");
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if plain && !name.is_empty() { name.to_owned() } else { "main".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        for file in files {
            let path = top.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "FROM scratch\n").unwrap();
        }
        top
    }

    #[test]
    fn what_init_writes_lints_clean() {
        for files in [&[][..], &["Containerfile"], &["images/a b: c/Dockerfile"], &["vm/x.pkr.hcl"]] {
            let top = folder_with(files);
            let name = "app".parse().unwrap();
            let rendered = render(&survey(top.path()), &name, top.path());
            assert!(rendered.is_ok(), "{files:?}: {:?}", rendered.err());
        }
    }

    /// The engine's tests run what stands in `written/`. `UPDATE=1` writes it.
    #[test]
    fn what_init_writes_is_what_the_engine_is_tested_with() {
        for (name, files) in [("files", &[][..]), ("containerfile", &["Containerfile"])] {
            let top = folder_with(files);
            let rendered = render(&survey(top.path()), &"app".parse().unwrap(), top.path());
            let rendered = rendered.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let path = format!("{}/src/cli/init/written/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
            if crate::config::Environment::of_process().get("UPDATE").is_some() {
                std::fs::write(&path, &rendered).unwrap();
            }
            let written = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(written == rendered, "{path} is stale; run `make generate`");
        }
    }

    #[test]
    fn init_never_overwrites() {
        let top = folder_with(&[".image-factory/app.yaml"]);
        let path = top.path().join(".image-factory/app.yaml");
        assert!(write(&path, "new").is_err_and(|failure| failure.code == 2));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "FROM scratch\n");
    }
}
