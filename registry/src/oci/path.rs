//! Which endpoint a path names. Repository names hold slashes, and even words such as `blobs`, so a path is read
//! from its end.

/// An endpoint, with the texts that the path holds. They are not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/v2/`
    Ping,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/tags/list`
    Tags { name: String },
    /// `/v2/<name>/manifests/<reference>`
    Manifest { name: String, reference: String },
    /// `/v2/<name>/referrers/<digest>`
    Referrers { name: String, digest: String },
    /// `/v2/<name>/blobs/<digest>`
    Blob { name: String, digest: String },
    /// `/v2/<name>/blobs/uploads/`
    Uploads { name: String },
    /// `/v2/<name>/blobs/uploads/<id>`
    Upload { name: String, id: String },
}

/// Reads a path. `None` when it names no endpoint.
pub(super) fn parse(path: &str) -> Option<Endpoint> {
    let rest = path.strip_prefix("/v2")?;
    if matches!(rest, "" | "/") {
        return Some(Endpoint::Ping);
    }
    let segments: Vec<String> = rest.strip_prefix('/')?.split('/').map(decode).collect::<Option<_>>()?;
    let texts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let owned = |text: &str| text.to_owned();
    match texts.as_slice() {
        ["_catalog"] => Some(Endpoint::Catalog),
        [name @ .., "tags", "list"] => Some(Endpoint::Tags { name: join(name)? }),
        [name @ .., "manifests", last] => {
            Some(Endpoint::Manifest { name: join(name)?, reference: owned(last) })
        }
        [name @ .., "referrers", last] => {
            Some(Endpoint::Referrers { name: join(name)?, digest: owned(last) })
        }
        [name @ .., "blobs", "uploads", ""] | [name @ .., "blobs", "uploads"] => {
            Some(Endpoint::Uploads { name: join(name)? })
        }
        [name @ .., "blobs", "uploads", last] => {
            Some(Endpoint::Upload { name: join(name)?, id: owned(last) })
        }
        [name @ .., "blobs", last] => Some(Endpoint::Blob { name: join(name)?, digest: owned(last) }),
        _ => None,
    }
}

fn join(name: &[&str]) -> Option<String> {
    (!name.is_empty()).then(|| name.join("/"))
}

/// Undoes percent-encoding in one segment. A slash that was hidden in it makes the path no path of ours.
fn decode(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(['/', '\0']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_may_hold_the_words_of_the_api() {
        let name = "t/blobs/uploads/manifests".to_owned();
        assert_eq!(
            parse("/v2/t/blobs/uploads/manifests/blobs/uploads/"),
            Some(Endpoint::Uploads { name: name.clone() })
        );
        assert_eq!(
            parse("/v2/t/blobs/uploads/manifests/manifests/v1"),
            Some(Endpoint::Manifest { name: name.clone(), reference: "v1".into() })
        );
        assert_eq!(
            parse("/v2/t/tags/list/manifests/list"),
            Some(Endpoint::Manifest { name: "t/tags/list".into(), reference: "list".into() })
        );
        assert_eq!(parse("/v2/t/tags/tags/list"), Some(Endpoint::Tags { name: "t/tags".into() }));
    }

    #[test]
    fn encoded_colons_are_read_and_encoded_slashes_are_not() {
        let digest = "sha256:ab".to_owned();
        assert_eq!(parse("/v2/t/a/blobs/sha256%3Aab"), Some(Endpoint::Blob { name: "t/a".into(), digest }));
        for path in
            ["/v2/t%2Fa/blobs/x", "/v2/t/a/manifests/%", "/v2/t/a/manifests/%zz", "/v2/t/a/manifests/%00"]
        {
            assert_eq!(parse(path), None, "{path}");
        }
        for path in ["/", "/v1/", "/v2x", "/v2/manifests/x", "/v2/t/a", "/v2/t/a/tags"] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_read_without_panic(path in "(/v2)?(/|[a-z%0-9:._-]|tags|list|blobs|uploads|manifests){0,30}") {
            let _ = parse(&path);
        }

        #[test]
        fn every_name_comes_back(name in "[a-z]{1,5}(/(tags|list|blobs|uploads|manifests|referrers|[a-z]{1,3})){1,4}") {
            prop_assert_eq!(parse(&format!("/v2/{name}/tags/list")), Some(Endpoint::Tags { name: name.clone() }));
            prop_assert_eq!(
                parse(&format!("/v2/{name}/blobs/uploads/")),
                Some(Endpoint::Uploads { name: name.clone() })
            );
            prop_assert_eq!(
                parse(&format!("/v2/{name}/manifests/latest")),
                Some(Endpoint::Manifest { name, reference: "latest".into() })
            );
        }
    }
}
