//! `rootfs/debian@v1` with the real mmdebstrap.

use engine_ports::Action as _;
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
