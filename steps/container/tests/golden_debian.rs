//! The example `golden-debian` with the real tools: Debian, its hardening on top, and the smoke test inside.
//!
//! It is one test, since all of it stands on one root file system, which takes half a minute to build.

#![expect(clippy::unwrap_used, reason = "this is test code: a broken test has to stop")]

use std::collections::BTreeMap;
use std::path::Path;

use engine_ports::{Action, Fingerprint, ImageStore as _};
use steps_container::{Buildah, Debian, Run};
use steps_kit::harness::Harness;
use tree::PackOptions;
use vocab::{ArtifactKind, ArtifactRef, ErrorClass, Inputs, Outputs, Value};

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

    apt_uses_the_mirror_and_no_image_keeps_it(harness, &rootfs).await;
}

/// The archive that the image's sources name does not exist: what is installed can come from the mirror alone.
async fn apt_uses_the_mirror_and_no_image_keeps_it(mut harness: Harness, rootfs: &Outputs) {
    const SOURCE: &str = "http://archive.operators-name.invalid/debian";
    if test_parts::tool("slirp4netns", TEST).is_none() {
        return;
    }
    let said = harness.log.text();
    let mirror = said.split("mmdebstrap reads ").nth(1).unwrap().lines().next().unwrap();
    harness.settings.mirrors.apt_archives.insert(SOURCE.to_owned(), format!("{mirror}/"));
    let file = format!(
        "ARG BASE\nFROM ${{BASE}}\nRUN echo 'deb {SOURCE} bookworm main' > /etc/apt/sources.list\n\
         RUN apt-get update && apt-get install -y --no-install-recommends hello\n\
         RUN hello > /said && ls /var/lib/apt/lists > /lists\n"
    );
    let context = harness.artifacts.put_files(&[("Containerfile", &file)]);
    let buildah = Buildah::new();
    let egress = ("network", Value::from("egress"));
    let more = [("context", context.into()), ("base", rootfs["tree"].clone()), egress.clone()];
    let built = run(&harness, &buildah, inputs(&buildah, more)).await;
    let said = harness.log.text();
    assert!(said.contains(&format!("Get:1 {SOURCE} bookworm InRelease")), "{said}");
    let mut layer = None;
    for bytes in everything(&harness, built["image"].as_artifact().unwrap()).await {
        let text = String::from_utf8_lossy(&bytes);
        for word in ["APT_CONFIG=", "/dev/image-factory", "image-factory asked"] {
            assert!(!text.contains(word), "{word} stays in the image");
        }
        layer = Some(text.into_owned());
    }
    let layer = layer.unwrap();
    assert!(layer.contains("Hello, world!"), "the package is there");
    let host = mirror.split('/').nth(2).unwrap();
    assert!(layer.contains("archive.operators-name.invalid_debian_dists_bookworm_InRelease"));
    assert!(!layer.contains(&format!("{host}_")), "a list is named after the mirror");

    let action = Run::new();
    // A container of a step may not change its user, as apt likes to for what it fetches.
    let script = format!(
        "/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file {SOURCE}/dists/bookworm/InRelease /tmp/in ''
         echo \"said=$(sed -n 's/^Suite: //p;s/^Codename: //p' /tmp/in | tail -n 1)\" >> $FACTORY_OUTPUTS"
    );
    let more = [("image", built["image"].clone()), ("script", script.into()), egress];
    let Value::Map(said) = &run(&harness, &action, inputs(&action, more)).await["outputs"] else {
        panic!("no outputs")
    };
    assert_eq!(said["said"], "bookworm".into());
}

/// Manifest, configuration, and the plain bytes of each layer.
async fn everything(harness: &Harness, image: &ArtifactRef) -> Vec<Vec<u8>> {
    let manifest = harness.images.manifest(&image.digest).await.unwrap().bytes;
    let parsed: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let mut all = vec![manifest.clone()];
    for descriptor in std::iter::once(&parsed["config"]).chain(parsed["layers"].as_array().unwrap()) {
        let digest = descriptor["digest"].as_str().unwrap().parse().unwrap();
        let mut bytes = Vec::new();
        let mut stream = harness.images.open_blob(&digest).await.unwrap();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
        let mut plain = Vec::new();
        let zipped = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut plain);
        all.push(if zipped.is_ok() { plain } else { bytes });
    }
    all
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
