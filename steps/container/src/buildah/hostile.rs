//! Containerfiles and images that want more than they may have, with the real buildah.

use std::collections::BTreeMap;

use engine_ports::ImageStore as _;
use serde_json::{Value as Json, json};
use steps_kit::harness::Harness;
use vocab::{Digest, ErrorClass};

use super::Buildah;
use super::tests::{given, image};
use crate::arch::Arch;
use crate::oci::write_layout;
use crate::testing::{everything, paths, shell_tree};

/// An image of somebody else's, as a folder of the worker.
fn layout(folder: &std::path::Path) -> String {
    let tar = folder.join("layer.tar");
    let mut builder = tar::Builder::new(std::fs::File::create(&tar).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(6);
    header.set_mode(0o644);
    builder.append_data(&mut header, "bait", &b"secret"[..]).unwrap();
    builder.into_inner().unwrap();
    let layout = folder.join("layout");
    write_layout(&tar, &layout, Arch::Amd64, "1970-01-01T00:00:00Z").unwrap();
    layout.display().to_string()
}

#[tokio::test]
async fn no_way_of_writing_reaches_an_image_of_the_worker_with_buildah() {
    if test_parts::tool("buildah", "no_way_of_writing_reaches_an_image_of_the_worker_with_buildah").is_none()
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bait = layout(folder.path());
    for file in [
        format!("FROM oci:{bait}"),
        format!("\u{feff}FROM oci:{bait}"),
        format!("FROM scratch\nCOPY --fr\\\nom=oci:{bait} /bait /stolen"),
        format!("FROM scratch\nCOPY --fr\\om=oci:{bait} /bait /stolen"),
        format!("FROM scratch\nCOPY \"--from=oci:{bait}\" /bait /stolen"),
        format!("FROM scratch\nCOPY --from=\"oci:{bait}\" /bait /stolen"),
        format!("# c\n# escape=`\nFROM scratch\nCOPY \\\n--from=oci:{bait} /bait /stolen"),
        format!("ARG X=oci:{bait}\nFROM scratch\nARG X=oci:{bait}\nCOPY --from=$X /bait /stolen"),
        format!("FROM scratch AS OCI:{bait}\nFROM scratch\nCOPY --from=oci:{bait} /bait /stolen"),
        format!("FROM scratch AS a\nONBUILD COPY --fr\\\nom=oci:{bait} /bait /stolen\nFROM a"),
    ] {
        let harness = Harness::new();
        let ended = harness.run(&Buildah::new(), given(&harness, &[("Containerfile", &file)], &[])).await;
        if let Ok(outputs) = &ended {
            let (_, _, layers) = everything(&harness, &image(outputs)).await;
            assert!(layers.iter().all(|layer| !String::from_utf8_lossy(layer).contains("secret")), "{file}");
            assert!(file.contains("\"--from"), "{file} was built");
        } else {
            assert_eq!(ended.unwrap_err().class, ErrorClass::Permanent, "{file}");
        }
    }
}

/// Lets the image of a layout say that `trigger` is to be run by builds on it.
fn set_trigger(layout: &str, trigger: &str) {
    let place = |digest: &Json| {
        let digest: Digest = digest.as_str().unwrap().parse().unwrap();
        format!("{layout}/blobs/sha256/{}", digest.hex())
    };
    let read = |path: &str| -> Json { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let replace = |descriptor: &mut Json, json: &Json| {
        let text = json.to_string();
        descriptor["digest"] = Digest::of(&text).to_string().into();
        descriptor["size"] = text.len().into();
        std::fs::write(place(&descriptor["digest"]), text).unwrap();
    };
    let mut index = read(&format!("{layout}/index.json"));
    let mut manifest = read(&place(&index["manifests"][0]["digest"]));
    let mut config = read(&place(&manifest["config"]["digest"]));
    config["config"] = json!({ "OnBuild": [trigger] });
    replace(&mut manifest["config"], &config);
    replace(&mut index["manifests"][0], &manifest);
    std::fs::write(format!("{layout}/index.json"), index.to_string()).unwrap();
}

#[tokio::test]
async fn what_a_base_wants_to_have_run_is_not_run_with_buildah() {
    if test_parts::tool("buildah", "what_a_base_wants_to_have_run_is_not_run_with_buildah").is_none() {
        return;
    }
    let (harness, folder) = (Harness::new(), tempfile::tempdir().unwrap());
    let bait = layout(folder.path());
    set_trigger(&bait, &format!("COPY --from=oci:{bait} /bait /stolen"));
    let owner = harness.context(&Buildah::new()).owner();
    let base = harness.images.import_layout(&owner, std::path::Path::new(&bait)).await.unwrap();
    let file = [("Containerfile", "ARG BASE\nFROM ${BASE}\n")];
    let inputs = given(&harness, &file, &[("base_image", base.into())]);
    let error = harness.run(&Buildah::new(), inputs).await.unwrap_err();
    assert!(error.message.contains("ONBUILD"), "{error}");
}

#[tokio::test]
async fn what_is_written_in_a_common_way_is_built_as_it_was_meant_with_buildah() {
    const TEST: &str = "what_is_written_in_a_common_way_is_built_as_it_was_meant_with_buildah";
    if test_parts::tool("buildah", TEST).is_none() {
        return;
    }
    let harness = Harness::new();
    let file = "\u{feff}# syntax=docker/dockerfile:1\r\narg BASE\r\nFROM ${BASE} As One\r\nRUN mkdir /d && \\\n  # a comment\n\n\
                \techo one > /d/a && \\\n    echo tw\\\no > /d/b\nFROM ${BASE}\nCOPY --fr\\\nom=ONE --chown=7:8 [\"/d\", \"/e\"]\n\
                RUN echo \"$(cat /e/a /e/b)\" > /f\n";
    let more = [("base", shell_tree(&harness).into())];
    let outputs = harness.run(&Buildah::new(), given(&harness, &[("Containerfile", file)], &more)).await;
    let outputs = outputs.unwrap_or_else(|error| panic!("{error}\n{}", harness.log.text()));
    let (_, _, layers) = everything(&harness, &image(&outputs)).await;
    let top = layers.last().unwrap();
    assert!(paths(top).contains(&"e/b".to_owned()), "{:?}", paths(top));
    assert!(String::from_utf8_lossy(top).contains("one\ntwo\n"));
}

#[tokio::test]
async fn root_of_a_build_is_nobody_on_the_worker_and_owners_stay_what_they_are_with_buildah() {
    const TEST: &str = "root_of_a_build_is_nobody_on_the_worker_and_owners_stay_what_they_are_with_buildah";
    if test_parts::tool("buildah", TEST).is_none() {
        return;
    }
    let harness = Harness::new();
    let file = "ARG BASE\nFROM ${BASE}\nCOPY a /a\nCOPY --chown=1000:1001 a /b\n\
                RUN cat /proc/self/uid_map > /map && cat /proc/self/status > /status && touch /c && \\\n\
                stat -c '%u %n' /a /b /bin/sh > /seen && rm /etc/group /bin/setsid && chown 1000:1000 /c\n\
                USER 1000\nRUN touch /tmp/d\n";
    let more = [("base", shell_tree(&harness).into())];
    let files = [("Containerfile", file), ("a", "x")];
    // As the data folder is: closed to everybody else.
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(harness.folder(), closed).unwrap();
    let outputs = harness.run(&Buildah::new(), given(&harness, &files, &more)).await;
    let outputs = outputs.unwrap_or_else(|error| panic!("{error}\n{}", harness.log.text()));
    let (_, _, layers) = everything(&harness, &image(&outputs)).await;
    let (mut owners, mut texts) = (BTreeMap::new(), BTreeMap::new());
    for entry in tar::Archive::new(&layers.last().unwrap()[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        owners.insert(path.clone(), (entry.header().uid().unwrap(), entry.header().gid().unwrap()));
        texts.insert(path, text);
    }
    for (path, expected) in
        [("a", (0, 0)), ("b", (1000, 1001)), ("c", (1000, 1000)), ("map", (0, 0)), ("tmp/d", (1000, 0))]
    {
        assert_eq!(owners[path], expected, "{path}: {owners:?}");
    }
    for deleted in ["etc/.wh.group", "bin/.wh.setsid"] {
        assert!(owners.contains_key(deleted), "{deleted}: {owners:?}");
    }
    assert_eq!(texts["seen"], "0 /a\n1000 /b\n0 /bin/sh\n");
    let ids: Vec<_> = texts["map"].split_whitespace().collect();
    assert!(ids[0] == "0" && ids[1] != "0", "root of the build is root of the worker: {ids:?}");
    // Neither raw sockets nor devices, but all that installing packages takes.
    assert!(texts["status"].contains("CapEff:\t00000000000404fb"), "{}", texts["status"]);
}

#[tokio::test]
async fn a_build_has_no_more_processes_and_memory_than_it_is_given_with_buildah() {
    const TEST: &str = "a_build_has_no_more_processes_and_memory_than_it_is_given_with_buildah";
    if test_parts::tool("buildah", TEST).is_none() {
        return;
    }
    for (bound, command) in [
        (("pids", 8.into()), "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait"),
        (("memory", "32MiB".into()), "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done"),
    ] {
        let harness = Harness::new();
        let file = format!("ARG BASE\nFROM ${{BASE}}\nRUN {command}\n");
        let more = [("base", shell_tree(&harness).into()), bound];
        let inputs = given(&harness, &[("Containerfile", &file)], &more);
        let error = harness.run(&Buildah::new(), inputs).await.unwrap_err();
        assert!(error.message.contains("ended with code"), "{error}\n{}", harness.log.text());
    }
}
