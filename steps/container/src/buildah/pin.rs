//! Which content of an image is built on: what the cache's key says, and not what a tag leads to by then.

use std::collections::BTreeMap;

use engine_ports::{ActionError, Fingerprint};
use vocab::Digest;

use super::reference::ImageName;
use crate::sandbox::Pin;

/// A line of the fingerprint.
pub(super) fn line(image: &ImageName, digest: &Digest) -> String {
    format!("{image} {digest}")
}

/// The images as the fingerprint found them; none where nobody asked, and every one that has no digest in its name
/// otherwise.
pub(super) fn pins(images: &[ImageName], fingerprint: Option<&Fingerprint>) -> Result<Vec<Pin>, ActionError> {
    let found: BTreeMap<&str, &str> = match fingerprint {
        Some(Fingerprint::Of(text)) => text.lines().filter_map(|line| line.split_once(' ')).collect(),
        Some(Fingerprint::Nothing) => BTreeMap::new(),
        // No key says what is read.
        None | Some(Fingerprint::Unknown(_)) => return Ok(Vec::new()),
    };
    let moving = images.iter().filter(|image| image.digest.is_none());
    let pin = |image: &ImageName| {
        let name = image.to_string();
        let Some(digest) = found.get(&*name) else {
            return Err(ActionError::permanent(format!(
                "the Containerfile builds on {image}, which was not there when the cache asked what it reads"
            ))
            .help("this is a mistake of the factory's: build with `cache: never` and report it"));
        };
        let repository = format!("{}/{}", image.host, image.repository);
        Ok(Pin { name, repository, digest: (*digest).to_owned() })
    };
    moving.map(pin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_fetched_by_the_digest_that_the_cache_was_told() {
        let (name, digest) = ("host.test/a:b".parse::<ImageName>().unwrap(), Digest::of("x"));
        let whole: ImageName = format!("host.test/c@{digest}").parse().unwrap();
        let told = Fingerprint::Of(line(&name, &digest));
        let images = [name, whole];
        let found = pins(&images, Some(&told)).unwrap();
        assert_eq!((&*found[0].name, &*found[0].repository), ("host.test/a:b", "host.test/a"));
        assert_eq!((&*found[0].digest, found.len()), (digest.to_string().as_str(), 1));
        assert_eq!(pins(&images, None), Ok(Vec::new()));
        let unheard = pins(&images, Some(&Fingerprint::Nothing)).unwrap_err();
        assert!(unheard.message.contains("host.test/a:b"), "{unheard}");
    }
}
