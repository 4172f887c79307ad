//! The program that buildah takes for the runtime of `RUN`: the real one, with what buildah has no option for.

use std::collections::BTreeMap;
use std::path::Path;

use super::conf::quoted;
use super::ids::FIRST_ID;

/// A runtime that gives each command of a build `variables` and then is `runtime`.
///
/// buildah has no way to set a variable for `RUN` without keeping it in the image. In `config.json`, quotes inside
/// texts are escaped, so `,"env":[` stands there once: in front of the process's variables.
///
/// With `mapped`, the layers of containers with ids of their own: after each command, what it deleted is given to root of
/// the container. The kernel marks a deleted file with a device 0:0 of the worker's root, an owner that the container
/// does not have, and buildah 1.28 leaves files with such owners out of the image.
pub(crate) fn runtime_script(
    runtime: &Path,
    variables: &BTreeMap<String, String>,
    mapped: Option<&Path>,
) -> String {
    let list: String =
        variables.iter().map(|(name, value)| quoted(&format!("{name}={value}")) + ",").collect();
    let edit = format!("s|,\"env\":\\[|,\"env\":[{}|", sed_replacement(&list));
    let edit = if list.is_empty() { String::new() } else { edit };
    let runtime = shell_quoted(&runtime.to_string_lossy());
    let deleted = mapped.map_or_else(String::new, |layers| {
        format!(
            "case $verb in delete)\n\
             \t{runtime} \"$@\"\n\
             \tcode=$?\n\
             \tfind {}/*/diff -xdev -type c -uid 0 -exec sh -c 'for file; do\n\
             \t\tif [ \"$(stat -c %t:%T \"$file\")\" = 0:0 ]; then chown -h {FIRST_ID}:{FIRST_ID} \"$file\" || exit 1; fi\n\
             \tdone' sh {{}} + || exit 1\n\
             \texit \"$code\" ;;\n\
             esac\n",
            shell_quoted(&layers.to_string_lossy())
        )
    });
    format!(
        "#!/bin/sh\n\
         previous= bundle= verb=\n\
         for word in \"$@\"; do\n\
         \tcase $word in --bundle=*) bundle=${{word#--bundle=}} ;; delete) verb=delete ;; esac\n\
         \tif [ \"$previous\" = --bundle ]; then bundle=$word; fi\n\
         \tprevious=$word\n\
         done\n\
         if [ -n \"$bundle\" ]; then sed -i -e {} \"$bundle/config.json\" || exit 1; fi\n\
         {deleted}exec {runtime} \"$@\"\n",
        shell_quoted(&edit),
    )
}

fn sed_replacement(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if matches!(c, '\\' | '&' | '|') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_reaches_the_runtime_whatever_it_holds() {
        let Some(sh) = test_parts::tool("sh", "a_variable_reaches_the_runtime_whatever_it_holds") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let value = r#"a'b"c\d&e|f$(g) ${h}"#;
        let script =
            runtime_script(Path::new("true"), &BTreeMap::from([("NAME".into(), value.into())]), None);
        std::fs::write(folder.path().join("runtime"), script).unwrap();
        let before = r#"{"process":{"args":["x,\"env\":["],"env":["PATH=/bin"]}}"#;
        std::fs::write(folder.path().join("config.json"), before).unwrap();
        let status = sh
            .command()
            .arg(folder.path().join("runtime"))
            .args(["create", "--bundle"])
            .arg(folder.path())
            .arg("id")
            .status()
            .unwrap();
        assert!(status.success());
        let after = std::fs::read(folder.path().join("config.json")).unwrap();
        let after: serde_json::Value = serde_json::from_slice(&after).unwrap();
        assert_eq!(after["process"]["env"], serde_json::json!([format!("NAME={value}"), "PATH=/bin"]));
        assert_eq!(after["process"]["args"], serde_json::json!(["x,\"env\":["]));
    }
}
