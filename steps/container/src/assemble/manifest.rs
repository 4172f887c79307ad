//! What `container/assemble@v1` takes, gives and promises.

use std::collections::BTreeMap;

use steps_kit::Manifest;
use vocab::{ActionManifest, ArtifactKind, Field, Type};

use crate::arch::Arch;

const DOC: &str = "\
Builds an image inside the factory: each tree becomes one layer on top of a base image, or on nothing. It runs no
program and needs no rights, so it works on every worker, and the same inputs give the same digest everywhere.

The base is an `image` that another step made, or `from`: a repository of the factory's own registry with a tag or a
digest (`base/debian:stable`). An entrypoint takes the base's command away, as it was meant for the base's program.";

const EXAMPLE: &str = r#"image:
  uses: container/assemble@v1
  with:
    layers:
      - tree: ${{ steps.site.outputs.tree }}
        prefix: srv/www
        uid: 33
        gid: 33
    entrypoint: ["/srv/www/serve"]
    ports: ["8080/tcp"]
    labels:
      org.opencontainers.image.title: site
"#;

pub(super) fn manifest() -> ActionManifest {
    let texts = || Type::list(Type::String);
    let optional = |ty: Type| Field { ty, required: false };
    let layer = Type::Object(BTreeMap::from([
        ("tree".to_owned(), Field { ty: Type::Artifact(ArtifactKind::Tree), required: true }),
        ("prefix".to_owned(), optional(Type::String)),
        ("uid".to_owned(), optional(Type::Integer)),
        ("gid".to_owned(), optional(Type::Integer)),
    ]));
    Manifest::new("container/assemble", 1, "Builds an image from trees, without a tool and without root")
        .doc(DOC)
        .optional("base", Type::Artifact(ArtifactKind::Image), "Image to build on; without it and `from`: nothing")
        .optional("from", Type::String, "Image to build on, by its name in the factory's registry: `base/debian:stable`")
        .required(
            "layers",
            Type::list(layer),
            "Layers, lowest first: a `tree`, the folder it goes to (`prefix`), and one owner for all of it (`uid`, `gid`)",
        )
        .optional("entrypoint", texts(), "Program that a container starts, with its first arguments")
        .optional("cmd", texts(), "Arguments for the entrypoint, which whoever starts a container may replace")
        .optional("env", Type::map(Type::String), "Environment variables, added to the base's")
        .optional("user", Type::String, "User that the program runs as: `name`, `uid`, `uid:gid`")
        .optional("workdir", Type::String, "Absolute path of the folder that the program starts in")
        .optional("labels", Type::map(Type::String), "Labels, added to the base's")
        .optional("ports", texts(), "Ports that the program listens on: `8080/tcp`, `53/udp`")
        .default("arch", Arch::port_type(), Arch::DEFAULT, "Architecture that the image is for")
        .default("timestamp", Type::Integer, 0, "When the image counts as made, in seconds since 1970")
        .output("image", Type::Artifact(ArtifactKind::Image), "The image")
        .output("digest", Type::Digest, "Digest of its manifest")
        .example(EXAMPLE)
}
