//! What the content store promises about bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use nix::mount::{MsFlags, mount, umount};
use registry::{Admission, Error, Holder, Registry, Settings, Verdict};
use vocab::{Algorithm, Clock as _, Digest, Hasher};

use crate::support::{Store, image, open, settings};

fn parts(bytes: &[u8]) -> impl futures::Stream<Item = Result<Bytes, String>> + Unpin + use<> {
    futures::stream::iter(bytes.chunks(1000).map(|part| Ok(Bytes::copy_from_slice(part))).collect::<Vec<_>>())
}

#[tokio::test]
async fn what_is_put_comes_out_whole_and_in_ranges() {
    let store = Store::new().await;
    let bytes: Vec<u8> =
        (0_u32..3_000_000).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect();
    let blob = store.registry.content().put(parts(&bytes), None).await.unwrap();
    assert_eq!((&blob.digest, blob.size), (&Digest::of(&bytes), bytes.len() as u64));
    let mut opened = store.registry.content().open_blob(&blob.digest).await.unwrap();
    let mut read = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut opened.file, &mut read).await.unwrap();
    assert_eq!((opened.size, read.as_slice()), (blob.size, bytes.as_slice()));
    let range = store.registry.content().read(&blob.digest, 700_000..1_300_000).await.unwrap();
    let range: Vec<Bytes> = range.try_collect().await.unwrap();
    assert_eq!(range.concat(), bytes[700_000..1_300_000]);
    assert_eq!(store.registry.content().verify(&blob.digest).await.unwrap(), Verdict::Intact);
}

#[tokio::test]
async fn content_of_another_digest_is_refused_and_leaves_nothing() {
    let store = Store::new().await;
    let wrong = Digest::of("something else");
    let refused = store.registry.content().put(parts(b"bytes"), Some(&wrong)).await;
    assert!(matches!(refused, Err(Error::DigestMismatch { .. })), "{refused:?}");
    let broken = futures::stream::iter([Ok(Bytes::from("half")), Err("the line went dead")]);
    let refused = store.registry.content().put(broken, None).await;
    assert!(matches!(refused, Err(Error::BrokenOff { .. })), "{refused:?}");
    assert_eq!(store.files(), Vec::<String>::new());
    assert!(!store.registry.content().exists(&wrong).await.unwrap());
}

#[tokio::test]
async fn sha512_and_the_empty_blob_are_content_too() {
    let store = Store::new().await;
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(b"bytes");
    let digest = hasher.finish();
    let blob = store.registry.content().put(parts(b"bytes"), Some(&digest)).await.unwrap();
    assert_eq!(store.registry.content().verify(&blob.digest).await.unwrap(), Verdict::Intact);
    let empty = store.registry.content().put_bytes(Bytes::new()).await.unwrap();
    assert_eq!(empty.digest, Digest::of([]));
    let read: Vec<Bytes> =
        store.registry.content().read(&empty.digest, 0..10).await.unwrap().try_collect().await.unwrap();
    assert_eq!(read.concat(), b"");
}

#[tokio::test]
async fn a_copy_is_no_hard_link_and_never_overwrites() {
    use std::os::unix::fs::MetadataExt as _;
    let store = Store::new().await;
    let content = store.registry.content();
    let blob = content.put_bytes("original".into()).await.unwrap();
    let to = store.folder.path().join("copy");
    content.copy_to(&blob.digest, &to).await.unwrap();
    assert_eq!(std::fs::metadata(&to).unwrap().nlink(), 1);
    assert!(content.copy_to(&blob.digest, &to).await.is_err());
    std::fs::write(&to, "tampered").unwrap();
    assert_eq!(content.verify(&blob.digest).await.unwrap(), Verdict::Intact);
}

#[tokio::test]
async fn a_symbolic_link_is_not_stored_as_what_it_points_to() {
    let store = Store::new().await;
    let link = store.folder.path().join("link");
    std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
    let refused = store.registry.content().put_file(&link, None).await;
    assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
}

#[tokio::test]
async fn damage_and_loss_are_found() {
    let store = Store::new().await;
    let content = store.registry.content();
    let [damaged, lost] =
        [content.put_bytes("a".into()).await.unwrap(), content.put_bytes("b".into()).await.unwrap()];
    let place = |digest: &Digest| {
        store.folder.path().join("content/blobs/sha256").join(&digest.hex()[..2]).join(digest.hex())
    };
    std::fs::write(place(&damaged.digest), "x").unwrap();
    std::fs::remove_file(place(&lost.digest)).unwrap();
    assert_eq!(content.verify(&damaged.digest).await.unwrap(), Verdict::Damaged { found: Digest::of("x") });
    assert_eq!(content.verify(&lost.digest).await.unwrap(), Verdict::Lost);
    assert!(matches!(content.open_blob(&lost.digest).await, Err(Error::Lost { .. })));
    // Putting it again heals it.
    content.put_bytes("b".into()).await.unwrap();
    assert_eq!(content.verify(&lost.digest).await.unwrap(), Verdict::Intact);
}

#[tokio::test]
async fn holding_what_is_not_there_holds_nothing() {
    let store = Store::new().await;
    let content = store.registry.content();
    let blob = content.put_bytes("here".into()).await.unwrap();
    let refused = content.hold("run/1", &[blob.digest.clone(), Digest::of("missing")]).await;
    assert!(matches!(refused, Err(Error::UnknownContent { digest }) if digest == Digest::of("missing")));
    assert_eq!(content.owners("run/").await.unwrap(), []);
    content.hold("run/1", std::slice::from_ref(&blob.digest)).await.unwrap();
    let since = store.clock.now();
    assert_eq!(content.owners("run/").await.unwrap(), [Holder { owner: "run/1".to_owned(), since }]);
}

#[tokio::test]
async fn only_who_has_held_nothing_for_a_while_is_stale() {
    let store = Store::new().await;
    let content = store.registry.content();
    let blob = content.put_bytes("held".into()).await.unwrap().digest;
    let held = std::slice::from_ref(&blob);
    content.hold("memo/1", held).await.unwrap();
    let first = store.clock.now();
    store.clock.advance(Duration::from_secs(1));
    content.hold("memo/1", held).await.unwrap();
    assert!(!content.release_stale("memo/1", first).await.unwrap(), "holding again is using");
    assert!(content.release_stale("memo/1", store.clock.now()).await.unwrap());
    assert!(!content.release_stale("memo/1", store.clock.now()).await.unwrap());
    assert_eq!(content.owners("").await.unwrap(), []);
}

#[tokio::test]
async fn a_manifest_needs_what_it_refers_to() {
    let store = Store::new().await;
    let content = store.registry.content();
    let image = image("hello");
    let refused = content.put_manifest(image.manifest.clone(), crate::support::MANIFEST).await;
    assert!(matches!(refused, Err(Error::MissingReferences { missing }) if missing.len() == 2));
    let descriptor = image.put(content).await;
    assert_eq!(content.closure(&descriptor.digest).await.unwrap().len(), 3);
    let sum = image.layer.len() + image.config.len() + image.manifest.len();
    assert_eq!(content.image_size(&descriptor.digest).await.unwrap(), sum as u64);
}

/// Says no above a bound.
struct Quota(u64);

impl Admission for Quota {
    fn admit(&self, bytes: u64) -> Result<(), String> {
        if bytes <= self.0 { Ok(()) } else { Err("the quota is used up".into()) }
    }
}

#[tokio::test]
async fn a_full_quota_refuses_and_leaves_nothing() {
    let store = Store::new().await;
    let folder = tempfile::tempdir().unwrap();
    let settings =
        Settings { admission: Arc::new(Quota(10)), ..settings(&folder.path().join("content"), store.clock) };
    let registry = Registry::open(settings, open(folder.path()).await, 1).await.unwrap();
    let refused = registry.content().put_bytes("more than ten bytes".into()).await;
    assert!(matches!(&refused, Err(error @ Error::NoRoom { .. }) if error.is_full()), "{refused:?}");
    assert_eq!(std::fs::read_dir(folder.path().join("content/tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing_on_tmpfs() {
    let test = "a_full_disk_is_told_and_leaves_nothing_on_tmpfs";
    let store = Store::new().await;
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    if let Err(error) = mount(Some("tmpfs"), &disk, Some("tmpfs"), MsFlags::empty(), Some("size=2m")) {
        test_parts::skipped("tmpfs", test, &format!("a tmpfs cannot be mounted: {error}"));
        return;
    }
    let registry = Registry::open(settings(&disk, store.clock), open(folder.path()).await, 1).await.unwrap();
    let flood =
        futures::stream::iter(std::iter::repeat_n(Bytes::from(vec![7; 1 << 20]), 4)).map(Ok::<_, String>);
    let refused = registry.content().put(flood, None).await;
    let left = std::fs::read_dir(disk.join("tmp")).unwrap().count();
    let small = registry.content().put_bytes("there is room for this".into()).await;
    drop(registry);
    umount(&disk).unwrap();
    assert!(matches!(&refused, Err(error) if error.is_full()), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("No space left"), "the cause is named");
    assert_eq!(left, 0);
    assert!(small.is_ok(), "{small:?}");
}

#[tokio::test]
async fn the_bound_of_a_blob_holds_for_streams() {
    let store = Store::new().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { blob_bytes: 1000, ..settings(&folder.path().join("content"), store.clock) };
    let registry = Registry::open(settings, open(folder.path()).await, 1).await.unwrap();
    assert!(registry.content().put(parts(&[0; 1000]), None).await.is_ok());
    let refused = registry.content().put(parts(&[0; 1001]), None).await;
    assert!(matches!(refused, Err(Error::TooLarge { limit: 1000 })), "{refused:?}");
    let endless = futures::stream::repeat_with(|| Ok::<_, String>(Bytes::from_static(b"0123456789")));
    let refused =
        tokio::time::timeout(Duration::from_secs(5), registry.content().put(endless.boxed(), None)).await;
    assert!(matches!(refused, Ok(Err(Error::TooLarge { .. }))));
}
