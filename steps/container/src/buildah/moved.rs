//! A tag that moves while a build is under way, with the real buildah and skopeo.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use engine_ports::{Action as _, Fingerprint, ImageStore as _};
use steps_kit::harness::Harness;
use vocab::{ArtifactRef, Inputs, Value};

use super::Buildah;
use super::tests::{filled, given, image};
use crate::assemble::Assemble;
use crate::testing::{everything, shell_tree};

/// By path: media type and content.
type Content = Mutex<HashMap<String, (String, Vec<u8>)>>;

/// A registry that can be read, at an address of loopback.
struct Shelf {
    address: String,
    content: Arc<Content>,
}

impl Shelf {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let content = Arc::new(Mutex::new(HashMap::from([("/v2/".to_owned(), Default::default())])));
        let shelf = Self { address, content: Arc::clone(&content) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let content = Arc::clone(&content);
                std::thread::spawn(move || answer(stream.unwrap(), &content));
            }
        });
        shelf
    }

    /// Lets `base:latest` be `image`, which stays reachable by its digest.
    async fn tag(&self, harness: &Harness, image: &ArtifactRef) {
        let manifest = harness.images.manifest(&image.digest).await.unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&manifest.bytes).unwrap();
        for part in std::iter::once(&parsed["config"]).chain(parsed["layers"].as_array().unwrap()) {
            let digest = part["digest"].as_str().unwrap();
            let mut stream = harness.images.open_blob(&digest.parse().unwrap()).await.unwrap();
            let mut bytes = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
            self.put(format!("/v2/base/blobs/{digest}"), "application/octet-stream", bytes);
        }
        for name in ["latest", image.digest.to_string().as_str()] {
            let media = parsed["mediaType"].as_str().unwrap();
            self.put(format!("/v2/base/manifests/{name}"), media, manifest.bytes.clone());
        }
    }

    fn put(&self, path: String, media: &str, bytes: Vec<u8>) {
        self.content.lock().unwrap().insert(path, (media.to_owned(), bytes));
    }
}

fn answer(mut stream: TcpStream, content: &Content) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
        let words: Vec<_> = request.split(' ').collect();
        let found = content.lock().unwrap().get(words[1]).cloned();
        let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
        let (media, bytes) = found.unwrap_or_default();
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n", bytes.len());
        let body = if words[0] == "HEAD" { &[][..] } else { &bytes };
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
            return;
        }
    }
}

/// An image with a shell that says who it is.
async fn base(harness: &Harness, who: &str) -> ArtifactRef {
    let layer = |tree: ArtifactRef| Value::Map(BTreeMap::from([("tree".to_owned(), tree.into())]));
    let trees = [shell_tree(harness), harness.artifacts.put_files(&[("who", who)])];
    let inputs = Inputs::from([("layers".to_owned(), Value::List(trees.map(layer).to_vec()))]);
    image(&harness.run(&Assemble::new(), inputs).await.unwrap())
}

#[tokio::test]
async fn a_tag_that_moves_after_the_cache_asked_does_not_move_the_build_with_buildah() {
    const TEST: &str = "a_tag_that_moves_after_the_cache_asked_does_not_move_the_build_with_buildah";
    if ["buildah", "skopeo"].iter().any(|tool| test_parts::tool(tool, TEST).is_none()) {
        return;
    }
    let (mut harness, shelf, action) = (Harness::new(), Shelf::open(), Buildah::new());
    let mirror = format!("http://{}", shelf.address);
    harness.settings.mirrors.registries.insert("registry.test".to_owned(), mirror);
    let file = "FROM registry.test/base\nRUN read who < /who; echo \"on $who\" > /said\n";
    let inputs = filled(&action, given(&harness, &[("Containerfile", file)], &[]));
    let (before, after) = (base(&harness, "the old base").await, base(&harness, "the new base").await);

    shelf.tag(&harness, &before).await;
    let unasked = harness.run(&action, inputs.clone()).await;
    let unasked = unasked.unwrap_or_else(|error| panic!("{error}\n{}", harness.log.text()));
    let mut ctx = harness.context(&action);
    let told = action.fingerprint(&ctx, &inputs).await.unwrap();
    assert_eq!(told, Fingerprint::Of(format!("registry.test/base:latest {}", before.digest)));
    shelf.tag(&harness, &after).await;
    assert_ne!(action.fingerprint(&harness.context(&action), &inputs).await.unwrap(), told);
    ctx.fingerprint = Some(told);
    let built = action.execute(&ctx, inputs.clone()).await;
    let built = built.unwrap_or_else(|error| panic!("{error}\n{}", harness.log.text()));
    let (_, _, layers) = everything(&harness, &image(&built)).await;
    assert!(String::from_utf8_lossy(layers.last().unwrap()).contains("on the old base"));
    assert_eq!(built, unasked, "the way to the base changes the image");

    let moved = harness.run(&action, inputs).await.unwrap();
    let (_, _, layers) = everything(&harness, &image(&moved)).await;
    assert!(String::from_utf8_lossy(layers.last().unwrap()).contains("on the new base"));
}
