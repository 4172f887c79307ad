//! What `container/buildah@v1` takes, gives and promises.

use steps_kit::Manifest;
use vocab::{ActionManifest, ArtifactKind, Isolation, Type, Value};

use crate::arch::Arch;
use crate::sandbox::Network;

const DOC: &str = "\
Builds a Containerfile with buildah. `RUN` has no network unless `network: egress` is asked for, and even then never
reaches the worker's own loopback.

**What to build on.** With `base` (a root file system) or `base_image` (an image of another step), the Containerfile
says `ARG BASE` and `FROM ${BASE}`. Each entry of `images` is an `ARG` of its name in the same way, for further stages.
An image of a registry works where the operator allows its host (`steps.mirrors.registries`; `docker.io` unless
that says otherwise); it is fetched before the build
starts. Everything else that a Containerfile may name, such as files of the worker, is refused.

**What a Containerfile may say.** Instructions in one line or continued with `\\`, with the flags `--from`, `--chown`,
`--chmod` and `--platform`, whose values are written out: no quotes, no variables.
`RUN --mount`, here-documents and the directive `escape` are refused.

**Same inputs, same digest.** Files and history carry `timestamp`; every `RUN` sees it as `SOURCE_DATE_EPOCH`. A build
with `egress` is only as reproducible as what it fetches, and is not served from the cache where freshness is asked for.

Proxies, authorities and mirrors that the operator configured reach `RUN` with `egress`, and nothing of them stays in
the image. Values in `args` do stay in its history: never give a secret there.

`isolation: oci` runs each `RUN` in a container of its own, where root is nobody on the worker and may install packages,
but neither make devices nor open raw sockets nor give files capabilities (`setcap`). `chroot` is execution on the host, for workers on which no
container can run; there, only the proxies reach `RUN`.";

const MEMORY: &str = "4GiB";
const PIDS: i64 = 4096;

const EXAMPLE: &str = r"build:
  uses: container/buildah@v1
  with:
    context: ${{ steps.source.outputs.tree }}
    path: image
    base: ${{ steps.rootfs.outputs.tree }}
    args:
      RELEASE: bookworm
  timeout: 20m
";

pub(super) fn manifest() -> ActionManifest {
    let words = |words: &[&str]| Type::Enum(words.iter().map(|word| (*word).to_owned()).collect());
    let none = || Value::Map(std::collections::BTreeMap::new());
    let image = || Type::Artifact(ArtifactKind::Image);
    let tree = || Type::Artifact(ArtifactKind::Tree);
    Manifest::new("container/buildah", 1, "Builds an image from a Containerfile")
        .doc(DOC)
        .required("context", tree(), "Files that the Containerfile can copy")
        .default("path", Type::String, ".", "Folder of the context to build in, relative to its root")
        .optional(
            "file",
            Type::String,
            "Containerfile, relative to `path`; by default `Containerfile` or `Dockerfile`",
        )
        .optional("base", tree(), "Root file system to build on, as `ARG BASE`")
        .optional("base_image", image(), "Image to build on, as `ARG BASE`")
        .default(
            "images",
            Type::map(image()),
            none(),
            "Further images, each as an `ARG` of its name in capitals",
        )
        .default(
            "args",
            Type::map(Type::String),
            none(),
            "Values for `ARG`; they stay in the image's history",
        )
        .default("labels", Type::map(Type::String), none(), "Labels of the image")
        .optional("target", Type::String, "Stage to stop at; by default the last")
        .default("arch", Arch::port_type(), Arch::DEFAULT, "Architecture that the image is for")
        .default("network", words(&Network::WORDS), "none", "What `RUN` reaches: nothing, or the outside")
        .default("isolation", words(&["oci", "chroot"]), "oci", "How `RUN` is kept away from the worker")
        .default(
            "memory",
            Type::Size,
            MEMORY,
            "Memory that one `RUN` may take, with what it writes to `tmpfs`",
        )
        .default("pids", Type::Integer, PIDS, "Processes and threads that one `RUN` may have at once")
        .default("timestamp", Type::Integer, 0, "Time of every file and layer, in seconds since 1970")
        .output("image", image(), "The image")
        .output("digest", Type::Digest, "Digest of its manifest")
        .isolation_by(Isolation::Oci, "isolation")
        .tool("buildah", "buildah")
        .tool("runc", "runc")
        .tool("unshare", "util-linux")
        .tool("slirp4netns", "slirp4netns")
        .tool("ip", "iproute2")
        .tool("skopeo", "skopeo")
        .example(EXAMPLE)
}
