//! What the tests used and what they lacked, for the table at the end of a test run.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// Says that `test` did not run because `tool` cannot be used here, and why.
///
/// For reasons other than a missing program, such as a daemon that does not start.
pub fn skipped(tool: &str, test: &str, reason: &str) {
    // Straight to standard output: the harness captures only what the print macros write, and a skip must be seen.
    // A closed standard output leaves nobody to tell.
    let _ = std::io::stdout().write_all(format!("skipped: {test}: {reason}\n").as_bytes());
    append(&["skip", tool, test, reason]);
}

/// Records something else that a run's table should show, such as which kill points a test reached.
pub fn note(what: &str, value: &str, test: &str) {
    append(&[what, value, test]);
}

/// Whether the long tests are asked for, as by `make test-full`.
#[expect(
    clippy::disallowed_methods,
    reason = "which tests run is the test set-up's to say, not the product's"
)]
pub fn is_full() -> bool {
    std::env::var_os("IMAGE_FACTORY_TEST_FULL").is_some()
}

/// Records that `test` runs against `tool`.
pub(crate) fn used(tool: &str, version: &str, test: &str) {
    append(&[tool, version, test]);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the report's place is the test set-up's to say, not the product's"
)]
fn append(fields: &[&str]) {
    if let Some(path) = std::env::var_os("IMAGE_FACTORY_TEST_REPORT") {
        // A report that cannot be written must not pass for one in which nothing was used.
        if let Err(error) = append_to(Path::new(&path), fields) {
            let place = Path::new(&path).display();
            let _ = std::io::stderr().write_all(format!("test report {place}: {error}\n").as_bytes());
        }
    }
}

/// One write per line, so that lines of tests in other processes do not mix.
fn append_to(path: &Path, fields: &[&str]) -> std::io::Result<()> {
    let line = fields.iter().map(|field| field.replace(['\t', '\n'], " ")).collect::<Vec<_>>().join("\t");
    OpenOptions::new().create(true).append(true).open(path)?.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_never_breaks_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        append_to(&path, &["skip", "docker", "a_test", "no\tdaemon\nhere"]).unwrap();
        append_to(&path, &["skopeo", "1.9.3", "b_test"]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "skip\tdocker\ta_test\tno daemon here\nskopeo\t1.9.3\tb_test\n");
    }
}
