//! `container/run@v1` with the real podman.

use std::collections::BTreeMap;
use std::time::Duration;

use engine_ports::{Action as _, Fingerprint};
use steps_kit::harness::{Harness, check_contract, manifest_problems};
use vocab::{ArtifactRef, ErrorClass, Inputs, Outputs, Value};

use super::Run;
use crate::assemble::Assemble;
use crate::testing::{mounts_below, shell_tree};

/// An image with a shell and nothing else.
async fn shell(harness: &Harness) -> ArtifactRef {
    let layer = Value::Map(BTreeMap::from([("tree".to_owned(), shell_tree(harness).into())]));
    let cmd = Value::List(["/bin/sh", "-c", "exit 9"].map(Value::from).to_vec());
    let inputs = Inputs::from([("layers".to_owned(), Value::List(vec![layer])), ("cmd".to_owned(), cmd)]);
    harness.run(&Assemble::new(), inputs).await.unwrap()["image"].as_artifact().unwrap().clone()
}

async fn given(harness: &Harness, more: &[(&str, Value)]) -> Inputs {
    let mut inputs = Inputs::from([("image".to_owned(), shell(harness).await.into())]);
    inputs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    inputs
}

fn map(entries: &[(&str, &str)]) -> Value {
    Value::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect())
}

async fn run(harness: &Harness, more: &[(&str, Value)]) -> Outputs {
    let outcome = harness.run(&Run::new(), given(harness, more).await).await;
    outcome.unwrap_or_else(|error| panic!("{error}\n{}", harness.log.text()))
}

fn said<'a>(outputs: &'a Outputs, name: &str) -> &'a str {
    let Value::Map(all) = &outputs["outputs"] else { panic!("{outputs:?}") };
    all[name].as_str().unwrap()
}

#[test]
fn the_manifest_keeps_its_rules() {
    assert_eq!(manifest_problems(Run::new().manifest()), Vec::<String>::new());
}

#[tokio::test]
async fn a_container_keeps_the_contract_with_podman() {
    if test_parts::tool("podman", "a_container_keeps_the_contract_with_podman").is_none() {
        return;
    }
    check_contract(&Run::new(), async || {
        let harness = Harness::new();
        let script = "echo one=1 >> $FACTORY_OUTPUTS; echo two > /result/two";
        let more = [("script", script.into()), ("collect", "/result".into())];
        let inputs = given(&harness, &more).await;
        (harness, inputs)
    })
    .await;
}

#[tokio::test]
async fn a_container_has_no_rights_no_network_and_ids_of_its_own_with_podman() {
    const TEST: &str = "a_container_has_no_rights_no_network_and_ids_of_its_own_with_podman";
    if test_parts::tool("podman", TEST).is_none() {
        return;
    }
    let harness = Harness::new();
    let tree = harness.artifacts.put_files(&[("a", "content")]);
    let script = r#"
        {
          echo "network=$(ls /sys/class/net)"
          echo "ids=$(cat /proc/self/uid_map)"
          echo "status<<END"; cat /proc/self/status; echo END
          echo "mounted=$(cat /in/a)"
          echo "value=$VALUE"
        } >> "$FACTORY_OUTPUTS"
        if echo x > /in/a; then exit 20; fi
        if echo x > /file; then exit 21; fi
    "#;
    let outputs = run(
        &harness,
        &[
            ("script", script.into()),
            ("mounts", Value::Map(BTreeMap::from([("/in".to_owned(), tree.into())]))),
            ("env", map(&[("VALUE", "a 'b' $c")])),
            ("read_only", true.into()),
            ("memory", "64MiB".into()),
        ],
    )
    .await;
    assert_eq!(said(&outputs, "network"), "lo");
    assert_eq!(said(&outputs, "mounted"), "content");
    assert_eq!(said(&outputs, "value"), "a 'b' $c");
    let status = said(&outputs, "status");
    assert!(status.contains("CapEff:\t0000000000000000") && status.contains("NoNewPrivs:\t1"), "{status}");
    let ids: Vec<_> = said(&outputs, "ids").split_whitespace().collect();
    assert!(ids[0] == "0" && ids[1] != "0", "root of the container is root of the worker: {ids:?}");
    assert_eq!(mounts_below(&harness.folder()), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_container_collects_becomes_a_tree_with_podman() {
    if test_parts::tool("podman", "what_a_container_collects_becomes_a_tree_with_podman").is_none() {
        return;
    }
    let harness = Harness::new();
    let script = "mkdir /result/d && echo hello > /result/d/f && chmod 0750 /result/d";
    let outputs = run(
        &harness,
        &[
            ("script", script.into()),
            ("collect", "/result".into()),
            ("user", "65534:65534".into()),
            ("timestamp", 9.into()),
        ],
    )
    .await;
    let bytes = harness.artifacts.bytes(outputs["tree"].as_artifact().unwrap());
    let found: Vec<_> = tar::Archive::new(&bytes[..])
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let path = entry.path().unwrap().to_string_lossy().trim_end_matches('/').to_owned();
            (path, header.mode().unwrap(), header.uid().unwrap(), header.mtime().unwrap())
        })
        .collect();
    assert_eq!(found, [("d".to_owned(), 0o750, 65_534, 9), ("d/f".to_owned(), 0o644, 65_534, 9)]);
}

#[tokio::test]
async fn egress_reaches_a_name_server_but_not_the_worker_with_podman() {
    const TEST: &str = "egress_reaches_a_name_server_but_not_the_worker_with_podman";
    if test_parts::tool("podman", TEST).is_none() || test_parts::tool("slirp4netns", TEST).is_none() {
        return;
    }
    let mut harness = Harness::new();
    harness.settings.http_proxy = Some("http://us:er%21word@operators-proxy:3128".to_owned());
    let script = "echo \"servers=$(cat /etc/resolv.conf)\" >> $FACTORY_OUTPUTS
        echo \"proxy=$http_proxy\" >> $FACTORY_OUTPUTS; echo \"uses $http_proxy\"
        echo \"net<<E\" >> $FACTORY_OUTPUTS; cat /proc/net/dev >> $FACTORY_OUTPUTS; echo E >> $FACTORY_OUTPUTS
        echo \"routes<<E\" >> $FACTORY_OUTPUTS; cat /proc/net/route >> $FACTORY_OUTPUTS; echo E >> $FACTORY_OUTPUTS";
    let outputs = run(&harness, &[("script", script.into()), ("network", "egress".into())]).await;
    // 169.254.0.0/16 and the others are routes that refuse (flag 0x200).
    let routes = said(&outputs, "routes");
    for closed in ["0000FEA9", "10813FA8", "C8646464"] {
        let route = routes.lines().find(|line| line.split_whitespace().nth(1) == Some(closed));
        let flags =
            route.and_then(|line| line.split_whitespace().nth(3)).unwrap_or_else(|| panic!("{routes}"));
        assert!(u16::from_str_radix(flags, 16).unwrap() & 0x200 != 0, "{routes}");
    }
    assert_eq!(said(&outputs, "servers"), "nameserver 10.0.2.3");
    assert_eq!(said(&outputs, "proxy"), "http://us:er%21word@operators-proxy:3128");
    assert!(harness.log.text().contains("uses http://***@"), "{}", harness.log.text());
    let net = said(&outputs, "net");
    assert!(net.contains("tap0:") && !net.contains("eth0:"), "{net}");
}

#[tokio::test]
async fn a_command_that_fails_gives_its_code_and_its_cause_with_podman() {
    if test_parts::tool("podman", "a_command_that_fails_gives_its_code_and_its_cause_with_podman").is_none() {
        return;
    }
    let harness = Harness::new();
    let command =
        |words: &[&str]| ("command", Value::List(words.iter().map(|word| (*word).into()).collect()));
    for (start, subject) in [
        (None, "code 9"),
        (Some(("script", Value::from("echo oops >&2; exit 5"))), "code 5: oops"),
        (Some(command(&["/no/such/program"])), "is not in the image"),
        (Some(("script", "exit 127".into())), "code 127"),
        (Some(("script", "exit 75".into())), "code 75"),
    ] {
        let more: Vec<_> = start.into_iter().collect();
        let error = harness.run(&Run::new(), given(&harness, &more).await).await.unwrap_err();
        let expected = if subject == "code 75" { ErrorClass::Transient } else { ErrorClass::Permanent };
        assert_eq!(error.class, expected, "{error}");
        assert!(error.message.contains(subject), "{subject}: {error}\n{}", harness.log.text());
    }
}

#[tokio::test]
async fn a_container_that_takes_too_much_memory_is_killed_with_podman() {
    if test_parts::tool("podman", "a_container_that_takes_too_much_memory_is_killed_with_podman").is_none() {
        return;
    }
    let harness = Harness::new();
    let script = "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done";
    let inputs = given(&harness, &[("script", script.into()), ("memory", "32MiB".into())]).await;
    let error = harness.run(&Run::new(), inputs).await.unwrap_err();
    assert!(error.help.unwrap().contains("memory"), "{}", harness.log.text());
}

#[tokio::test]
async fn a_cancelled_container_stops_and_leaves_no_mount_with_podman() {
    if test_parts::tool("podman", "a_cancelled_container_stops_and_leaves_no_mount_with_podman").is_none() {
        return;
    }
    let harness = Harness::new();
    let action = Run::new();
    let ctx = harness.context(&action);
    let mut inputs = given(&harness, &[("script", "sleep 5".into())]).await;
    for port in &action.manifest().inputs {
        if let Some(default) = &port.default {
            inputs.entry(port.name.clone()).or_insert_with(|| default.clone());
        }
    }
    let stop = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        ctx.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(action.execute(&ctx, inputs), stop);
    assert_eq!(ended.unwrap_err().class, ErrorClass::Unknown);
    assert_eq!(mounts_below(&ctx.work), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_before_anything_is_done() {
    let harness = Harness::new();
    let tree = Value::from(harness.artifacts.put_files(&[("a", "b")]));
    let at = |path: &str| Value::Map(BTreeMap::from([(path.to_owned(), tree.clone())]));
    for (more, subject) in [
        (vec![("script", "true".into()), ("command", Value::List(vec!["x".into()]))], "not both"),
        (vec![("command", Value::List(vec![]))], "empty"),
        (vec![("mounts", at("relative"))], "absolute"),
        (vec![("mounts", at("/a:rw"))], "absolute"),
        (vec![("mounts", at("/proc/x"))], "/proc/x"),
        (vec![("mounts", at("/"))], "`/`"),
        (vec![("mounts", at("/a")), ("collect", "/a".into())], "both"),
        (vec![("env", map(&[("A=B", "c")]))], "A=B"),
        (vec![("user", "--privileged".into())], "user"),
        (vec![("cpus", 0.into())], "cpus"),
    ] {
        let image = ArtifactRef { kind: vocab::ArtifactKind::Image, ..tree.as_artifact().unwrap().clone() };
        let mut inputs = Inputs::from([("image".to_owned(), image.into())]);
        inputs.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let error = harness.run(&Run::new(), inputs).await.unwrap_err();
        assert!(error.message.contains(subject), "{subject}: {error}");
    }
}

#[tokio::test]
async fn only_a_container_without_network_reads_nothing_else() {
    let harness = Harness::new();
    let action = Run::new();
    for (network, known) in [("none", true), ("egress", false)] {
        let mut inputs = given(&harness, &[("network", network.into())]).await;
        for port in &action.manifest().inputs {
            if let Some(default) = &port.default {
                inputs.entry(port.name.clone()).or_insert_with(|| default.clone());
            }
        }
        let fingerprint = action.fingerprint(&harness.context(&action), &inputs).await.unwrap();
        assert_eq!(fingerprint == Fingerprint::Nothing, known, "{fingerprint:?}");
    }
}
