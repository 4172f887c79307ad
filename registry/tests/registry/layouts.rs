//! OCI image layouts in and out, and hostile ones.

use std::path::Path;

use registry::Error;
use serde_json::{Value as Json, json};
use vocab::Digest;

use crate::support::{Image, MANIFEST, Store, image};

/// What is done to a good layout.
type Harm = Box<dyn Fn(&Path)>;

/// Writes an image as a layout, as another tool would.
fn write(folder: &Path, image: &Image) {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    for part in [&image.layer, &image.config, &image.manifest] {
        std::fs::write(blobs.join(Digest::of(part).hex()), part).unwrap();
    }
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let size = image.manifest.len();
    write_index(folder, &json!([{ "mediaType": MANIFEST, "digest": image.digest(), "size": size }]));
}

fn write_index(folder: &Path, manifests: &Json) {
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

#[tokio::test]
async fn a_layout_comes_back_as_it_went_in() {
    let store = Store::new().await;
    let (from, image) = (store.folder.path().join("from"), image("layout"));
    write(&from, &image);
    let descriptor = store.registry.content().import_layout(&from).await.unwrap();
    assert_eq!(descriptor.digest, image.digest());
    let to = store.folder.path().join("to");
    store.registry.content().export_layout(&descriptor.digest, &to, Some("v1")).await.unwrap();
    let other = Store::new().await;
    assert_eq!(other.registry.content().import_layout(&to).await.unwrap().digest, image.digest());
    let index: Json = serde_json::from_slice(&std::fs::read(to.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "v1");
    let again = store.registry.content().export_layout(&descriptor.digest, &to, None).await;
    assert!(matches!(again, Err(Error::Layout { .. })), "a folder that holds something is not written to");
}

#[tokio::test]
async fn hostile_layouts_are_refused_and_leave_no_image() {
    let store = Store::new().await;
    let content = store.registry.content();
    let image = image("hostile");
    let hex = |part: &bytes::Bytes| Digest::of(part).hex().to_owned();
    let cases: Vec<(&str, Harm)> = vec![
        ("no marker", Box::new(|folder| std::fs::remove_file(folder.join("oci-layout")).unwrap())),
        (
            "another version",
            Box::new(|folder| {
                std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
            }),
        ),
        ("no image", Box::new(|folder| write_index(folder, &json!([])))),
        (
            "a digest that is a path",
            Box::new(|folder| {
                write_index(
                    folder,
                    &json!([{ "mediaType": MANIFEST, "digest": "sha256:../../../etc/passwd", "size": 1 }]),
                );
            }),
        ),
        (
            "a layer of other bytes",
            Box::new({
                let layer = hex(&image.layer);
                move |folder| std::fs::write(folder.join("blobs/sha256").join(&layer), "other").unwrap()
            }),
        ),
        (
            "a manifest of other bytes",
            Box::new({
                let manifest = hex(&image.manifest);
                move |folder| std::fs::write(folder.join("blobs/sha256").join(&manifest), "{}").unwrap()
            }),
        ),
        (
            "a wrong size",
            Box::new({
                let digest = image.digest();
                move |folder| {
                    write_index(folder, &json!([{ "mediaType": MANIFEST, "digest": digest, "size": 1 }]));
                }
            }),
        ),
        (
            "a layer that is a link",
            Box::new({
                let layer = hex(&image.layer);
                move |folder| {
                    let path = folder.join("blobs/sha256").join(&layer);
                    std::fs::rename(&path, folder.join("outside")).unwrap();
                    std::os::unix::fs::symlink(folder.join("outside"), path).unwrap();
                }
            }),
        ),
        (
            "a blob folder that is a link",
            Box::new(|folder| {
                std::fs::rename(folder.join("blobs/sha256"), folder.join("outside")).unwrap();
                std::os::unix::fs::symlink(folder.join("outside"), folder.join("blobs/sha256")).unwrap();
            }),
        ),
        (
            "a missing config",
            Box::new({
                let config = hex(&image.config);
                move |folder| std::fs::remove_file(folder.join("blobs/sha256").join(&config)).unwrap()
            }),
        ),
    ];
    for (name, harm) in cases {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &image);
        harm(folder.path());
        let refused = content.import_layout(folder.path()).await;
        assert!(refused.is_err(), "{name}");
        assert!(!content.exists(&image.digest()).await.unwrap(), "{name}");
    }
}

#[tokio::test]
async fn a_layout_of_two_images_is_not_guessed_about() {
    let store = Store::new().await;
    let folder = store.folder.path().join("two");
    let image = image("one");
    write(&folder, &image);
    let one = json!({ "mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest.len() });
    write_index(&folder, &json!([one, one]));
    let refused = store.registry.content().import_layout(&folder).await;
    assert!(matches!(refused, Err(Error::Layout { .. })), "{refused:?}");
}
