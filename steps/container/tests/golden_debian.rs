//! The example `golden-debian` with the real tools: Debian, its hardening on top, and the smoke test inside.
//!
//! It is one test, since all of it stands on one root file system, which takes half a minute to build.

#![expect(clippy::unwrap_used, reason = "this is test code: a broken test has to stop")]

use std::collections::BTreeMap;
use std::path::Path;

use engine_ports::{Action, Fingerprint};
use steps_container::{Buildah, Debian, Run};
use steps_kit::harness::Harness;
use tree::PackOptions;
use vocab::{ArtifactKind, ErrorClass, Inputs, Outputs, Value};

const TEST: &str = "the_golden_debian_is_built_and_tried_with_mmdebstrap_buildah_and_podman";

#[tokio::test]
async fn the_golden_debian_is_built_and_tried_with_mmdebstrap_buildah_and_podman() {
    if ["mmdebstrap", "buildah", "podman"].iter().any(|tool| test_parts::tool(tool, TEST).is_none()) {
        return;
    }
    let harness = Harness::new();
    let debian = Debian::new();
    let packages = Value::List(vec!["ca-certificates".into()]);
    let given = inputs(&debian, [("suite", "bookworm".into()), ("packages", packages)]);
    let fingerprint = match debian.fingerprint(&harness.context(&debian), &given).await {
        Err(error) if error.class == ErrorClass::Transient => {
            return test_parts::skipped("mmdebstrap", TEST, &format!("no Debian mirror: {error}"));
        }
        other => other.unwrap(),
    };
    let rootfs = run(&harness, &debian, given).await;
    names_what_it_read(&fingerprint, &rootfs);
    lists_its_packages(&harness, &rootfs);
    holds_nothing_of_the_worker(&harness, &rootfs);

    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/golden-debian/image");
    let mut tar = Vec::new();
    tree::pack(&image, &mut tar, &PackOptions::at(0, tree::Limits::from(&vocab::Limits::default()))).unwrap();
    let context = Value::from(harness.artifacts.put(ArtifactKind::Tree, &tar).unwrap());
    let buildah = Buildah::new();
    let given = inputs(&buildah, [("context", context.clone()), ("base", rootfs["tree"].clone())]);
    let built = run(&harness, &buildah, given).await;

    let smoke = Run::new();
    let given = inputs(
        &smoke,
        [
            ("image", built["image"].clone()),
            ("mounts", Value::Map(BTreeMap::from([("/tests".to_owned(), context)]))),
            ("script", "sh /tests/smoke.sh".into()),
            ("read_only", true.into()),
            ("memory", "256MiB".into()),
        ],
    );
    let Value::Map(said) = &run(&harness, &smoke, given).await["outputs"] else { panic!("no outputs") };
    assert_eq!(said["release"], "bookworm".into());
}

/// Inputs with the manifest's defaults.
fn inputs<const N: usize>(action: &dyn Action, given: [(&str, Value); N]) -> Inputs {
    let defaults = action.manifest().inputs.iter();
    let mut inputs: Inputs =
        defaults.filter_map(|port| Some((port.name.clone(), port.default.clone()?))).collect();
    inputs.extend(given.map(|(name, value)| (name.to_owned(), value)));
    inputs
}

async fn run(harness: &Harness, action: &dyn Action, inputs: Inputs) -> Outputs {
    let outputs = harness.run(action, inputs).await;
    outputs.unwrap_or_else(|error| panic!("{error}\n{}", harness.log.text()))
}

/// The cache's key says what apt read: the suite and its updates.
fn names_what_it_read(fingerprint: &Fingerprint, rootfs: &Outputs) {
    let Value::Map(releases) = &rootfs["releases"] else { panic!("{rootfs:?}") };
    assert_eq!(releases.len(), 3);
    assert_eq!(releases["bookworm"], rootfs["release"]);
    let Fingerprint::Of(text) = fingerprint else { panic!("{fingerprint:?}") };
    for (suite, digest) in releases {
        assert!(text.lines().any(|line| line == format!("{suite} {}", digest.as_str().unwrap())), "{text}");
    }
}

fn lists_its_packages(harness: &Harness, rootfs: &Outputs) {
    let report = harness.artifacts.bytes(rootfs["packages"].as_artifact().unwrap());
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let packages = report["packages"].as_array().unwrap();
    let names: Vec<_> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"ca-certificates") && names.contains(&"apt") && names.is_sorted(), "{names:?}");
}

fn holds_nothing_of_the_worker(harness: &Harness, rootfs: &Outputs) {
    let tar = harness.artifacts.bytes(rootfs["tree"].as_artifact().unwrap());
    let mut texts = BTreeMap::new();
    for entry in tar::Archive::new(&tar[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().trim_end_matches('/').to_owned();
        assert_eq!(entry.header().mtime().unwrap(), 0, "{path}");
        assert!(!path.starts_with("dev/") && !path.starts_with("usr/share/man/man1/"), "{path}");
        let mut text = Vec::new();
        if ["etc/hostname", "etc/resolv.conf", "etc/hosts", "etc/apt/sources.list"].contains(&path.as_str()) {
            std::io::Read::read_to_end(&mut entry, &mut text).unwrap();
            assert_eq!(entry.header().mode().unwrap(), 0o644, "{path}");
        }
        texts.insert(path, String::from_utf8(text).unwrap());
    }
    assert_eq!(texts["etc/hostname"], "localhost\n");
    assert_eq!(texts["etc/resolv.conf"], "");
    assert!(texts["etc/hosts"].contains("localhost"));
    assert!(texts["etc/apt/sources.list"].lines().all(|line| line.starts_with("deb http://deb.debian.org/")));
    for gone in [".releases", "etc/apt/apt.conf.d/99mmdebstrap", "etc/machine-id", "var/log/dpkg.log"] {
        assert!(!texts.contains_key(gone), "{gone}");
    }
}
