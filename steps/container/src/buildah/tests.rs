//! `container/buildah@v1` with the real buildah.

use std::collections::BTreeMap;
use std::time::Duration;

use engine_ports::{Action as _, Fingerprint};
use steps_kit::harness::{Harness, check_contract, manifest_problems};
use vocab::{ArtifactRef, ErrorClass, Inputs, Outputs, Value};

use super::Buildah;
use crate::testing::{everything, mounts_below, paths, shell_tree};

pub(super) fn given(harness: &Harness, files: &[(&str, &str)], more: &[(&str, Value)]) -> Inputs {
    let mut inputs = Inputs::from([("context".to_owned(), harness.artifacts.put_files(files).into())]);
    inputs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    inputs
}

pub(super) fn image(outputs: &Outputs) -> ArtifactRef {
    outputs["image"].as_artifact().unwrap().clone()
}

fn map(entries: &[(&str, &str)]) -> Value {
    Value::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect())
}

/// Inputs with the manifest's defaults, as the engine hands them over.
pub(super) fn filled(action: &Buildah, mut inputs: Inputs) -> Inputs {
    for port in &action.manifest().inputs {
        if let Some(default) = &port.default {
            inputs.entry(port.name.clone()).or_insert_with(|| default.clone());
        }
    }
    inputs
}

const HELLO: &str = "ARG BASE\nFROM ${BASE}\nARG WHO\nCOPY hello /hello\n\
                     RUN echo \"$WHO $SOURCE_DATE_EPOCH\" > /who && ls /sys/class/net > /net\n";

#[test]
fn the_manifest_keeps_its_rules() {
    assert_eq!(manifest_problems(Buildah::new().manifest()), Vec::<String>::new());
}

#[tokio::test]
async fn a_build_keeps_the_contract_with_buildah() {
    if test_parts::tool("buildah", "a_build_keeps_the_contract_with_buildah").is_none() {
        return;
    }
    check_contract(&Buildah::new(), async || {
        let harness = Harness::new();
        let more = [("base", shell_tree(&harness).into())];
        let inputs =
            given(&harness, &[("Containerfile", "ARG BASE\nFROM ${BASE}\nRUN echo hi > /hi\n")], &more);
        (harness, inputs)
    })
    .await;
}

#[tokio::test]
async fn the_same_inputs_give_the_same_digest_with_buildah() {
    if test_parts::tool("buildah", "the_same_inputs_give_the_same_digest_with_buildah").is_none() {
        return;
    }
    let mut digests = Vec::new();
    for _ in 0..2 {
        let harness = Harness::new();
        let more = [
            ("base", shell_tree(&harness).into()),
            ("path", "image".into()),
            ("args", map(&[("WHO", "tenant")])),
            ("timestamp", 1_700_000_000.into()),
            ("labels", map(&[("b", "2"), ("a", "1")])),
        ];
        let inputs = given(&harness, &[("image/Containerfile", HELLO), ("image/hello", "hi")], &more);
        let outputs = harness.run(&Buildah::new(), inputs).await.unwrap();
        let (_, config, layers) = everything(&harness, &image(&outputs)).await;
        assert_eq!(config["created"], "2023-11-14T22:13:20Z");
        assert_eq!(config["config"]["Labels"], serde_json::json!({ "a": "1", "b": "2" }));
        let top = String::from_utf8_lossy(layers.last().unwrap()).into_owned();
        assert!(top.contains("tenant 1700000000"), "SOURCE_DATE_EPOCH reaches RUN");
        assert!(!top.contains("eth0"), "RUN sees a network");
        assert!(!config.to_string().contains("SOURCE_DATE_EPOCH="), "{config}");
        assert_eq!(mounts_below(&harness.folder()), Vec::<String>::new());
        digests.push(outputs["digest"].clone());
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn what_the_operator_lends_reaches_the_build_and_never_stays_with_buildah() {
    const TEST: &str = "what_the_operator_lends_reaches_the_build_and_never_stays_with_buildah";
    if test_parts::tool("buildah", TEST).is_none() || test_parts::tool("slirp4netns", TEST).is_none() {
        return;
    }
    let mut harness = Harness::new();
    let bundle = harness.folder().join("operator.pem");
    std::fs::write(&bundle, "operators-authority").unwrap();
    harness.settings.ca_bundle = Some(bundle);
    harness.settings.http_proxy = Some("http://operators-proxy:3128".to_owned());
    harness.settings.mirrors.pypi = Some("http://operators-mirror/simple".to_owned());
    harness.settings.mirrors.apt = Some("http://operators-mirror/debian".to_owned());
    // The commands compare lengths, so that the texts themselves do not come into the image by them.
    let file = "ARG BASE\nFROM ${BASE}\n\
        RUN test ${#http_proxy} = 27 && test ${#PIP_INDEX_URL} = 30 && test -s \"$SSL_CERT_FILE\" && \
        test -s \"$APT_CONFIG\" && test -x \"${APT_CONFIG%/*}/http\" && echo seen > /seen\n\
        RUN ls /sys/class/net > /net; cat /etc/resolv.conf > /resolv\n";
    let more = [("base", shell_tree(&harness).into()), ("network", "egress".into())];
    let outputs = harness.run(&Buildah::new(), given(&harness, &[("Containerfile", file)], &more)).await;
    let outputs = outputs.unwrap_or_else(|error| panic!("{error}\n{}", harness.log.text()));
    let (manifest, config, layers) = everything(&harness, &image(&outputs)).await;
    let texts = std::iter::once(manifest.to_string().into_bytes()).chain([config.to_string().into_bytes()]);
    for bytes in texts.chain(layers.iter().cloned()) {
        let text = String::from_utf8_lossy(&bytes);
        for word in
            ["operators-", "authorities", "/dev/image-factory", "PIP_INDEX_URL=", "ca.pem", "APT_CONFIG="]
        {
            assert!(!text.contains(word), "{word} stays in the image");
        }
    }
    let top = layers.last().unwrap();
    let found = paths(top);
    assert!(
        found.contains(&"seen".to_owned()) && !found.iter().any(|path| path.starts_with("dev/")),
        "{found:?}"
    );
    assert!(String::from_utf8_lossy(top).contains("nameserver 10.0.2.3"));
}

#[tokio::test]
async fn a_build_that_fails_says_why_and_leaves_nothing_with_buildah() {
    if test_parts::tool("buildah", "a_build_that_fails_says_why_and_leaves_nothing_with_buildah").is_none() {
        return;
    }
    let harness = Harness::new();
    let more = [("base", shell_tree(&harness).into())];
    let inputs = given(&harness, &[("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN exit 7\n")], &more);
    let error = harness.run(&Buildah::new(), inputs).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(error.message.contains("code 7"), "{error}");
    assert_eq!(mounts_below(&harness.folder()), Vec::<String>::new());
}

#[tokio::test]
async fn a_cancelled_build_stops_and_its_next_attempt_succeeds_with_buildah() {
    if test_parts::tool("buildah", "a_cancelled_build_stops_and_its_next_attempt_succeeds_with_buildah")
        .is_none()
    {
        return;
    }
    let harness = Harness::new();
    let more = [("base", shell_tree(&harness).into())];
    let slow = given(&harness, &[("Containerfile", "ARG BASE\nFROM ${BASE}\nRUN sleep 60\n")], &more);
    let action = Buildah::new();
    let ctx = harness.context(&action);
    let cancel = ctx.cancel.clone();
    let attempt = action.execute(&ctx, filled(&action, slow));
    let stop = async {
        // Long enough for the command to run on most machines; too early only makes the test easier.
        tokio::time::sleep(Duration::from_secs(4)).await;
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(attempt, stop);
    assert!(ended.is_err());
    assert_eq!(mounts_below(&ctx.work), Vec::<String>::new());
    let quick = given(&harness, &[("Containerfile", "ARG BASE\nFROM ${BASE}\nRUN echo ok\n")], &more);
    harness.run(&action, quick).await.unwrap();
}

#[tokio::test]
async fn an_image_of_another_step_is_a_base_or_a_further_stage_with_buildah() {
    if test_parts::tool("buildah", "an_image_of_another_step_is_a_base_or_a_further_stage_with_buildah")
        .is_none()
    {
        return;
    }
    let harness = Harness::new();
    let more = [("base", shell_tree(&harness).into())];
    let first = given(&harness, &[("Containerfile", "ARG BASE\nFROM ${BASE}\nRUN echo one > /one\n")], &more);
    let first = image(&harness.run(&Buildah::new(), first).await.unwrap());
    let file =
        "ARG BASE\nARG MY_TOOLS\nFROM ${MY_TOOLS} AS tools\nFROM ${BASE}\nCOPY --from=tools /one /two\n";
    let images = Value::Map(BTreeMap::from([("MY_TOOLS".to_owned(), first.clone().into())]));
    let more = [("base_image", first.into()), ("images", images)];
    let outputs =
        harness.run(&Buildah::new(), given(&harness, &[("Containerfile", file)], &more)).await.unwrap();
    let (_, _, layers) = everything(&harness, &image(&outputs)).await;
    assert!(paths(layers.last().unwrap()).contains(&"two".to_owned()));
}

#[tokio::test]
async fn a_build_in_a_changed_root_has_no_network_either_with_buildah() {
    if test_parts::tool("buildah", "a_build_in_a_changed_root_has_no_network_either_with_buildah").is_none() {
        return;
    }
    let harness = Harness::new();
    let more = [("base", shell_tree(&harness).into()), ("isolation", "chroot".into())];
    let file = "ARG BASE\nFROM ${BASE}\nRUN cat /proc/net/dev > /net\n";
    let outputs =
        harness.run(&Buildah::new(), given(&harness, &[("Containerfile", file)], &more)).await.unwrap();
    let (_, _, layers) = everything(&harness, &image(&outputs)).await;
    let top = String::from_utf8_lossy(layers.last().unwrap()).into_owned();
    assert!(top.contains("lo:") && !top.contains("eth0:"), "{top}");
}

#[tokio::test]
async fn a_file_of_the_worker_or_an_unknown_registry_is_refused() {
    let harness = Harness::new();
    for (file, subject) in [
        ("FROM oci:/etc", "names a file"),
        ("FROM registry.example/debian:12", "registry.example"),
        ("FROM ${BASE}", "BASE"),
        ("FROM localhost/image-factory/base:latest", "localhost"),
    ] {
        let error =
            harness.run(&Buildah::new(), given(&harness, &[("Containerfile", file)], &[])).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent);
        assert!(error.message.contains(subject), "{file}: {error}");
    }
    let outside = given(&harness, &[("a", "FROM scratch")], &[("file", "../a".into())]);
    assert_eq!(harness.run(&Buildah::new(), outside).await.unwrap_err().class, ErrorClass::Permanent);
}

#[tokio::test]
async fn the_fingerprint_is_what_a_build_reads_besides_its_inputs() {
    let mut harness = Harness::new();
    harness.settings.mirrors.registries.insert("docker.io".to_owned(), "mirror.test".to_owned());
    let action = Buildah::new();
    let pinned = format!("FROM debian@sha256:{}", "a".repeat(64));
    let fingerprint = async |file: &str, more: &[(&str, Value)]| {
        let inputs = filled(&action, given(&harness, &[("image/Containerfile", file)], more));
        action.fingerprint(&harness.context(&action), &inputs).await
    };
    let path = ("path", "./image".into());
    assert_eq!(fingerprint("FROM scratch", std::slice::from_ref(&path)).await, Ok(Fingerprint::Nothing));
    assert_eq!(fingerprint(&pinned, std::slice::from_ref(&path)).await, Ok(Fingerprint::Nothing));
    let egress = fingerprint("FROM scratch", &[path, ("network", "egress".into())]).await;
    assert!(matches!(egress, Ok(Fingerprint::Unknown(_))), "{egress:?}");
    let missing = fingerprint("FROM scratch", &[]).await;
    assert!(matches!(missing, Ok(Fingerprint::Unknown(_))), "there is no file at the context's root");
}
