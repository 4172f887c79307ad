//! Every file in `conformance/valid` and `conformance/invalid` is a test, with a snapshot beside it.
//!
//! `UPDATE=1` writes the snapshots anew. A file may begin with `# with trust=host workflow_nodes=100`, which sets
//! options for it alone.

mod corpus;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use lang::{Code, Compilation, CompileOptions, Severity, SourceFile, Workflow, compile};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (folder, check) in [("valid", compiles as fn(&Path) -> Result<(), Failed>), ("invalid", is_refused)] {
        for file in corpus::files(folder) {
            let name = format!("{folder}/{}", file.file_stem().unwrap_or_default().to_string_lossy());
            trials.push(Trial::test(name, move || check(&file)));
        }
    }
    trials.push(Trial::test("every_code_has_a_file_that_triggers_it", every_code_is_triggered));
    trials.push(Trial::test("every_snapshot_has_its_file", every_snapshot_has_its_file));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A valid file gives a workflow that reads back from its JSON; what remains are warnings.
fn compiles(file: &Path) -> Result<(), Failed> {
    let (source, options) = corpus::load(file)?;
    let compilation = compile(&source, &corpus::catalogue()?, &options);
    let rendered: String = compilation.diagnostics.iter().map(|it| it.render(&source) + "\n").collect();
    let workflow = compilation.workflow.ok_or_else(|| format!("does not compile:\n{rendered}"))?;
    let json = serde_json::to_string_pretty(&workflow).map_err(|error| error.to_string())?;
    let again: Workflow = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    if again != workflow {
        return Err("the workflow does not read back from its JSON".into());
    }
    compare(&file.with_extension("plan.json"), &(json + "\n"))?;
    compare(&file.with_extension("diagnostics.txt"), &rendered)
}

/// An invalid file gives no workflow and at least one error, all inside the file.
fn is_refused(file: &Path) -> Result<(), Failed> {
    let (source, options) = corpus::load(file)?;
    let compilation = compiled(file, &source, &options)?;
    if compilation.workflow.is_some() {
        return Err("compiles".into());
    }
    if !compilation.diagnostics.iter().any(|it| it.severity == Severity::Error) {
        return Err("no workflow and no error".into());
    }
    let rendered: String = compilation.diagnostics.iter().map(|it| it.render(&source) + "\n").collect();
    compare(&file.with_extension("diagnostics.txt"), &rendered)
}

/// A file as whoever reads a repository takes it.
fn compiled(file: &Path, source: &SourceFile, options: &CompileOptions) -> Result<Compilation, Failed> {
    if file.is_symlink() {
        return Ok(lang::refuse_link(source.name()));
    }
    Ok(compile(source, &corpus::catalogue()?, options))
}

/// Compares with the snapshot; a snapshot that would be empty is left out.
fn compare(snapshot: &Path, found: &str) -> Result<(), Failed> {
    if corpus::updating() {
        if found.is_empty() {
            if snapshot.exists() {
                fs::remove_file(snapshot)?;
            }
        } else {
            fs::write(snapshot, found)?;
        }
        return Ok(());
    }
    let expected = if snapshot.exists() { fs::read_to_string(snapshot)? } else { String::new() };
    if expected == found {
        return Ok(());
    }
    Err(format!(
        "{} differs; found:\n{found}\nexpected:\n{expected}\n(UPDATE=1 writes it anew)",
        snapshot.display()
    )
    .into())
}

/// Each code is shown by at least one file of the corpus.
fn every_code_is_triggered() -> Result<(), Failed> {
    let mut missing: BTreeSet<Code> = Code::ALL.iter().copied().collect();
    for file in corpus::files("valid").into_iter().chain(corpus::files("invalid")) {
        let (source, options) = corpus::load(&file)?;
        for diagnostic in compiled(&file, &source, &options)?.diagnostics {
            missing.remove(&diagnostic.code);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("no file triggers {missing:?}").into()) }
}

/// A snapshot whose file is gone is a leftover.
fn every_snapshot_has_its_file() -> Result<(), Failed> {
    for folder in ["valid", "invalid"] {
        for entry in fs::read_dir(corpus::specification().join("conformance").join(folder))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let stem = name.strip_suffix(".plan.json").or_else(|| name.strip_suffix(".diagnostics.txt"));
            if let Some(stem) = stem
                && !path.with_file_name(format!("{stem}.yaml")).exists()
            {
                return Err(format!("{name} belongs to no file").into());
            }
        }
    }
    Ok(())
}
