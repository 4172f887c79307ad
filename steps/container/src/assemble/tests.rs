//! `container/assemble@v1` in a world of fakes, and its images in a real tool.

use std::collections::BTreeMap;
use std::io::Read as _;

use engine_ports::{Action as _, ActionError, Expect, Fingerprint, ImageStore as _, Repository};
use serde_json::Value as Json;
use steps_kit::harness::{Harness, check_contract};
use vocab::{ArtifactRef, ErrorClass, Inputs, Value};

use super::Assemble;

fn layer(tree: &ArtifactRef, more: &[(&str, Value)]) -> Value {
    let mut fields = BTreeMap::from([("tree".to_owned(), tree.clone().into())]);
    fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::Map(fields)
}

fn inputs(layers: Vec<Value>, more: &[(&str, Value)]) -> Inputs {
    let mut inputs = Inputs::from([("layers".to_owned(), Value::List(layers))]);
    inputs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    inputs
}

fn texts(words: &[&str]) -> Value {
    Value::List(words.iter().map(|word| (*word).into()).collect())
}

async fn image(harness: &Harness, inputs: Inputs) -> Result<ArtifactRef, ActionError> {
    let outputs = harness.run(&Assemble::new(), inputs).await?;
    Ok(outputs["image"].as_artifact().unwrap().clone())
}

async fn blob(harness: &Harness, digest: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut stream = harness.images.open_blob(&digest.parse().unwrap()).await.unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
    bytes
}

async fn manifest(harness: &Harness, image: &ArtifactRef) -> Json {
    let manifest = harness.images.manifest(&image.digest).await.unwrap();
    serde_json::from_slice(&manifest.bytes).unwrap()
}

async fn config(harness: &Harness, image: &ArtifactRef) -> Json {
    let digest = manifest(harness, image).await["config"]["digest"].as_str().unwrap().to_owned();
    serde_json::from_slice(&blob(harness, &digest).await).unwrap()
}

/// Path, user and group of each entry of a layer.
async fn entries(harness: &Harness, image: &ArtifactRef, index: usize) -> Vec<(String, u64, u64)> {
    let digest = manifest(harness, image).await["layers"][index]["digest"].as_str().unwrap().to_owned();
    let bytes = blob(harness, &digest).await;
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap();
    tar::Archive::new(&tar[..])
        .entries()
        .unwrap()
        .map(|entry| {
            let header = entry.as_ref().unwrap().header();
            let ids = (header.uid().unwrap(), header.gid().unwrap());
            (entry.unwrap().path().unwrap().to_string_lossy().into_owned(), ids.0, ids.1)
        })
        .collect()
}

#[tokio::test]
async fn assemble_keeps_the_contract() {
    check_contract(&Assemble::new(), async || {
        let harness = Harness::new();
        let tree = harness.artifacts.put_files(&[("app", "binary"), ("etc/app.conf", "x=1")]);
        let plain = layer(&tree, &[]);
        let moved = layer(&tree, &[("prefix", "srv/www".into()), ("uid", 33.into())]);
        (harness, inputs(vec![plain, moved], &[("entrypoint", texts(&["/app"]))]))
    })
    .await;
}

#[tokio::test]
async fn the_same_inputs_give_the_same_digest_in_another_world() {
    let mut digests = Vec::new();
    for _ in 0..2 {
        let harness = Harness::new();
        let tree = harness.artifacts.put_files(&[("app", "binary")]);
        let env = Value::Map(BTreeMap::from([("A".into(), "1".into()), ("B".into(), "2".into())]));
        let made = image(&harness, inputs(vec![layer(&tree, &[])], &[("env", env)])).await.unwrap();
        digests.push(made.digest.to_string());
    }
    assert_eq!(digests[0], digests[1]);
    // Fixed for good: a change here makes every image of every tenant new.
    assert_eq!(digests[0], "sha256:db624d383a5a7e2887921227e7642a36738b815713e1cdad4745ee3e2d1c04a9");
}

#[tokio::test]
async fn a_layer_goes_where_it_is_told_and_belongs_to_whom_it_is_told() {
    let harness = Harness::new();
    let tree = harness.artifacts.put_files(&[("index.html", "hello")]);
    let moved = layer(&tree, &[("prefix", "/srv/www/".into()), ("uid", 33.into()), ("gid", 34.into())]);
    let made = image(&harness, inputs(vec![moved], &[])).await.unwrap();
    let found = entries(&harness, &made, 0).await;
    let file = found.iter().find(|(path, ..)| path == "srv/www/index.html").unwrap();
    assert_eq!((file.1, file.2), (33, 34));
}

#[tokio::test]
async fn an_image_on_a_base_has_the_layers_of_both() {
    let harness = Harness::new();
    let tree = harness.artifacts.put_files(&[("a", "1")]);
    let base = image(&harness, inputs(vec![layer(&tree, &[])], &[("cmd", texts(&["base"]))])).await.unwrap();
    let more = harness.artifacts.put_files(&[("b", "2")]);
    let labels = Value::Map(BTreeMap::from([("name".into(), "child".into())]));
    let given = inputs(vec![layer(&more, &[])], &[("base", base.clone().into()), ("labels", labels)]);
    let made = image(&harness, given).await.unwrap();
    let (below, above) = (manifest(&harness, &base).await, manifest(&harness, &made).await);
    assert_eq!(above["layers"][0], below["layers"][0]);
    let config = config(&harness, &made).await;
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["base"]));
    assert_eq!(config["config"]["Labels"]["name"], "child");
}

#[tokio::test]
async fn a_base_by_name_is_what_the_name_means_now() {
    let harness = Harness::new();
    let tree = harness.artifacts.put_files(&[("a", "1")]);
    let base = image(&harness, inputs(vec![layer(&tree, &[])], &[])).await.unwrap();
    let given = inputs(vec![layer(&tree, &[])], &[("from", "base/debian:stable".into())]);
    let error = image(&harness, given.clone()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(error.message.contains("acme/base/debian:stable"), "{error}");

    let repository = Repository::new(&harness.tenant, "base/debian").unwrap();
    harness.images.push(&repository, &base, "test").await.unwrap();
    harness.images.move_tag(&repository, "stable", Expect::Any, Some(&base.digest), "test").await.unwrap();
    let action = Assemble::new();
    let mut filled = given.clone();
    filled.extend([("arch".to_owned(), "amd64".into()), ("timestamp".to_owned(), 0.into())]);
    let fingerprint = action.fingerprint(&harness.context(&action), &filled).await.unwrap();
    assert_eq!(fingerprint, Fingerprint::Of(base.digest.to_string()));
    let made = image(&harness, given).await.unwrap();
    assert_eq!(manifest(&harness, &made).await["layers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_makes_no_image_is_refused_before_anything_is_done() {
    let harness = Harness::new();
    let tree = harness.artifacts.put_files(&[("a", "1")]);
    let one = || vec![layer(&tree, &[])];
    let base = image(&harness, inputs(one(), &[])).await.unwrap();
    let env = Value::Map(BTreeMap::from([("A=B".into(), "1".into())]));
    for (layers, more, subject) in [
        (one(), vec![("base", base.clone().into()), ("from", "x:y".into())], "not both"),
        (one(), vec![("base", base.into()), ("arch", "arm64".into())], "linux/arm64"),
        (one(), vec![("ports", texts(&["http"]))], "`http`"),
        (one(), vec![("env", env)], "A=B"),
        (one(), vec![("workdir", "srv".into())], "workdir"),
        (one(), vec![("timestamp", (-1).into())], "timestamp"),
        (vec![layer(&tree, &[("gid", 1.into())])], vec![], "uid"),
        (vec![layer(&tree, &[("prefix", "../etc".into())])], vec![], ".."),
        (vec![layer(&tree, &[]); 128], vec![], "127"),
    ] {
        let error = image(&harness, inputs(layers, &more)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
        assert!(error.message.contains(subject), "{subject}: {error}");
    }
}

#[tokio::test]
async fn an_assembled_image_is_taken_by_skopeo() {
    let Some(skopeo) = test_parts::tool("skopeo", "an_assembled_image_is_taken_by_skopeo") else { return };
    let harness = Harness::new();
    let tree = harness.artifacts.put_files(&[("etc/motd", "hello")]);
    let moved = layer(&tree, &[("prefix", "srv".into()), ("uid", 7.into())]);
    let given = inputs(vec![layer(&tree, &[]), moved], &[("cmd", texts(&["/bin/true"]))]);
    let made = image(&harness, given).await.unwrap();
    let folder = harness.folder().join("layout");
    engine_ports::ArtifactStore::materialize(&*harness.artifacts, &made, &folder).await.unwrap();
    // Unpacks and hashes each layer, and refuses what does not fit the config.
    let status = skopeo
        .command()
        .args(["copy", "--quiet", "--insecure-policy"])
        .arg(format!("oci:{}", folder.display()))
        .arg(format!("docker-archive:{}", harness.folder().join("image.tar").display()))
        .status()
        .unwrap();
    assert!(status.success());
}
