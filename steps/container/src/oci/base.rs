//! The image that another one is built on, as manifest and config say it.

use serde_json::Value as Json;
use vocab::Digest;

use super::layer::{Descriptor, GZIP, PLAIN};

/// Why an image cannot be built upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaseError {
    #[error("its {0} is not JSON: {1}")]
    NotJson(&'static str, String),
    #[error("its manifest has no valid `{0}`")]
    Field(&'static str),
    #[error("it holds no image for linux/{0}")]
    NoSuchPlatform(String),
    #[error("it is built for {found}, not for linux/{wanted}")]
    OtherPlatform { found: String, wanted: String },
    #[error("its layer has the media type `{0}`, which cannot stand in an image")]
    Layer(String),
}

/// What is taken over from a base image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Base {
    /// Its layers, lowest first.
    pub(crate) layers: Vec<Descriptor>,
    /// Its config's descriptor.
    pub(crate) config: Descriptor,
}

impl Base {
    /// Reads a manifest. `Ok(Err(digest))` when it is an index: then that child is the one for `arch`.
    pub(crate) fn read(manifest: &[u8], arch: &str) -> Result<Result<Self, Digest>, BaseError> {
        let json: Json = serde_json::from_slice(manifest)
            .map_err(|error| BaseError::NotJson("manifest", error.to_string()))?;
        if let Some(children) = json.get("manifests").and_then(Json::as_array) {
            let child = children.iter().find(|child| {
                child.pointer("/platform/os").and_then(Json::as_str) == Some("linux")
                    && child.pointer("/platform/architecture").and_then(Json::as_str) == Some(arch)
            });
            let child = child.ok_or_else(|| BaseError::NoSuchPlatform(arch.to_owned()))?;
            return descriptor(child, "manifests").map(|found| Err(found.digest));
        }
        let config = descriptor(json.get("config").ok_or(BaseError::Field("config"))?, "config")
            .map(|config| Descriptor { media_type: super::manifest::CONFIG.to_owned(), ..config })?;
        let layers = json.get("layers").and_then(Json::as_array).ok_or(BaseError::Field("layers"))?;
        let layers = layers
            .iter()
            .map(|layer| {
                let layer = descriptor(layer, "layers")?;
                Ok(Descriptor { media_type: oci_name(&layer.media_type)?, ..layer })
            })
            .collect::<Result<_, _>>()?;
        Ok(Ok(Self { layers, config }))
    }

    /// Reads a config and checks that it is for `arch`.
    pub(crate) fn read_config(config: &[u8], arch: &str) -> Result<Json, BaseError> {
        let json: Json = serde_json::from_slice(config)
            .map_err(|error| BaseError::NotJson("config", error.to_string()))?;
        let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or("nothing").to_owned();
        let (os, found) = (text("os"), text("architecture"));
        if os != "linux" || found != arch {
            return Err(BaseError::OtherPlatform { found: format!("{os}/{found}"), wanted: arch.to_owned() });
        }
        Ok(json)
    }
}

fn descriptor(json: &Json, field: &'static str) -> Result<Descriptor, BaseError> {
    let read = || {
        Some(Descriptor {
            media_type: json.get("mediaType")?.as_str()?.to_owned(),
            digest: json.get("digest")?.as_str()?.parse().ok()?,
            size: json.get("size")?.as_u64()?,
        })
    };
    read().ok_or(BaseError::Field(field))
}

/// The OCI name of a layer's media type: Docker's own names mean the same bytes.
fn oci_name(media_type: &str) -> Result<String, BaseError> {
    Ok(match media_type {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => GZIP.to_owned(),
        "application/vnd.docker.image.rootfs.diff.tar" => PLAIN.to_owned(),
        oci if oci.starts_with("application/vnd.oci.image.layer.") => oci.to_owned(),
        other => return Err(BaseError::Layer(other.chars().take(80).collect())),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_index_leads_to_the_child_of_the_platform() {
        let child = Digest::of("child");
        let index = json!({ "manifests": [
            { "mediaType": "m", "digest": Digest::of("other").to_string(), "size": 1,
              "platform": { "os": "linux", "architecture": "arm64" } },
            { "mediaType": "m", "digest": child.to_string(), "size": 1,
              "platform": { "os": "linux", "architecture": "amd64" } },
        ] });
        let bytes = index.to_string().into_bytes();
        assert_eq!(Base::read(&bytes, "amd64"), Ok(Err(child)));
        assert_eq!(Base::read(&bytes, "s390x"), Err(BaseError::NoSuchPlatform("s390x".into())));
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for bytes in ["", "[]", "{}", r#"{"config": {}, "layers": []}"#] {
            assert!(Base::read(bytes.as_bytes(), "amd64").is_err(), "{bytes}");
        }
    }

    #[test]
    fn a_base_for_another_machine_is_refused() {
        let config = br#"{"os": "linux", "architecture": "arm64"}"#;
        let error = Base::read_config(config, "amd64").unwrap_err();
        assert_eq!(error.to_string(), "it is built for linux/arm64, not for linux/amd64");
    }
}
