//! `rootfs/debian@v1` with the real mmdebstrap.

use std::collections::BTreeMap;

use engine_ports::{Action as _, Fingerprint};
use steps_kit::harness::{Harness, manifest_problems};
use vocab::{ErrorClass, Inputs, Value};

use super::Debian;

fn given(more: &[(&str, Value)]) -> Inputs {
    let action = Debian::new();
    let mut inputs = Inputs::from([("suite".to_owned(), "bookworm".into())]);
    for port in &action.manifest().inputs {
        inputs.extend(port.default.clone().map(|default| (port.name.clone(), default)));
    }
    inputs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    inputs
}

fn list(words: &[&str]) -> Value {
    Value::List(words.iter().map(|word| (*word).into()).collect())
}

#[test]
fn the_manifest_keeps_its_rules() {
    assert_eq!(manifest_problems(Debian::new().manifest()), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_no_debian_is_refused_before_anything_is_done() {
    let harness = Harness::new();
    for (more, subject) in [
        (("packages", list(&["--hook-dir=/x"])), "--hook-dir"),
        (("components", list(&["main universe"])), "main universe"),
        (("components", list(&[])), "main"),
        (("timestamp", Value::from(-1)), "timestamp"),
    ] {
        let error = harness.run(&Debian::new(), given(&[more])).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent);
        assert!(error.message.contains(subject), "{error}");
    }
}

/// One build for all claims about it: it takes half a minute.
#[tokio::test]
async fn a_root_file_system_holds_its_packages_and_nothing_of_the_worker_with_mmdebstrap() {
    const TEST: &str = "a_root_file_system_holds_its_packages_and_nothing_of_the_worker_with_mmdebstrap";
    if test_parts::tool("mmdebstrap", TEST).is_none() {
        return;
    }
    let harness = Harness::new();
    let action = Debian::new();
    let inputs = given(&[("packages", list(&["media-types", "ca-certificates"]))]);
    let fingerprint = match action.fingerprint(&harness.context(&action), &inputs).await {
        Err(error) if error.class == ErrorClass::Transient => {
            return test_parts::skipped("mmdebstrap", TEST, &format!("no Debian mirror: {error}"));
        }
        other => other.unwrap(),
    };
    let outputs = harness.run(&action, inputs).await;
    let outputs = outputs.unwrap_or_else(|error| panic!("{error}\n{}", harness.log.text()));

    let Value::Map(releases) = &outputs["releases"] else { panic!("{outputs:?}") };
    assert_eq!(releases.len(), 3);
    assert_eq!(releases["bookworm"], outputs["release"]);
    let Fingerprint::Of(text) = fingerprint else { panic!("{fingerprint:?}") };
    for (suite, digest) in releases {
        assert!(text.contains(&format!("{suite} {}\n", digest.as_str().unwrap())), "{text}");
    }

    let report = harness.artifacts.bytes(outputs["packages"].as_artifact().unwrap());
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let names: Vec<_> =
        report["packages"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"media-types") && names.contains(&"apt") && names.is_sorted(), "{names:?}");

    let tar = harness.artifacts.bytes(outputs["tree"].as_artifact().unwrap());
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

#[tokio::test]
async fn a_dead_mirror_is_named_and_may_come_back_with_mmdebstrap() {
    const TEST: &str = "a_dead_mirror_is_named_and_may_come_back_with_mmdebstrap";
    if test_parts::tool("mmdebstrap", TEST).is_none() {
        return;
    }
    let mut harness = Harness::new();
    harness.settings.mirrors.apt = Some("http://127.0.0.1:9/debian".to_owned());
    let action = Debian::new();
    let inputs = given(&[]);
    let asked = action.fingerprint(&harness.context(&action), &inputs).await.unwrap_err();
    let built = harness.run(&action, inputs).await.unwrap_err();
    for error in [asked, built] {
        assert_eq!(error.class, ErrorClass::Transient, "{error}");
        assert!(error.message.contains("http://127.0.0.1:9/debian"), "{error}");
        assert!(error.help.unwrap().contains("mirrors.apt"));
    }
}
