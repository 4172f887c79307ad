//! What `container/run@v1` takes, gives and promises.

use std::collections::BTreeMap;

use steps_kit::Manifest;
use vocab::{ActionManifest, ArtifactKind, Isolation, Type, Value};

use crate::sandbox::Network;

const DOC: &str = "\
Runs a script, a command, or what the image itself starts, in a container: no capabilities, no new privileges, ids of
its own, no network unless `network: egress` is asked for, and even then never the worker's own loopback. The step
fails when the exit code is not 0; with 75, it may pass by itself and is tried again. Nothing of the container is left afterwards.

A `script` runs as `/bin/sh -eu`. Values reach it in `env`, trees as folders in `mounts` (read-only). It gives results
by writing lines `name=value` to the file `$FACTORY_OUTPUTS`; a value of several lines is `name<<WORD`, the lines, and
`WORD` alone; a JSON object of texts will do as well. What it puts into the folder `collect`, which starts empty,
becomes the output `tree`.";

const EXAMPLE: &str = r"smoke:
  uses: container/run@v1
  with:
    image: ${{ steps.build.outputs.image }}
    mounts:
      /tests: ${{ steps.source.outputs.tree }}
    script: |
      sh /tests/smoke.sh
      echo version=$(cat /etc/debian_version) >> $FACTORY_OUTPUTS
";

/// Processes and threads of a container where the workflow says nothing.
const PIDS: i64 = 4096;
/// The start of the year 2000, as for the trees of other actions: some tools dislike earlier times.
const TIMESTAMP: i64 = 946_684_800;

pub(super) fn manifest() -> ActionManifest {
    let words = Type::Enum(Network::WORDS.map(str::to_owned).to_vec());
    let none = || Value::Map(BTreeMap::new());
    let tree = || Type::Artifact(ArtifactKind::Tree);
    Manifest::new("container/run", 1, "Runs a command in a container")
        .doc(DOC)
        .required("image", Type::Artifact(ArtifactKind::Image), "Image to run")
        .optional("script", Type::String, "Script for `/bin/sh -eu`")
        .optional("command", Type::list(Type::String), "Program and arguments, in place of the image's own")
        .default("env", Type::map(Type::String), none(), "Environment variables, besides the image's")
        .default("mounts", Type::map(tree()), none(), "Trees by the absolute path of their folder, read-only")
        .optional("collect", Type::String, "Absolute path of the folder that becomes the output `tree`")
        .default("network", words, "none", "What the container reaches: nothing, or the outside")
        .default("read_only", Type::Boolean, false, "Whether the image's own files cannot be changed")
        .optional("memory", Type::Size, "Memory of the container, such as `512MiB`")
        .optional("cpus", Type::Number, "Processors that it may use, such as `0.5`")
        .default("pids", Type::Integer, PIDS, "Processes and threads that it may have at once")
        .optional("user", Type::String, "User to run as: `name`, `uid`, `uid:gid`; by default the image's")
        .optional("workdir", Type::String, "Absolute path of the folder to start in; by default the image's")
        .default("timestamp", Type::Integer, TIMESTAMP, "Time of every file of `tree`, in seconds since 1970")
        .output("outputs", Type::map(Type::String), "What was written to `$FACTORY_OUTPUTS`")
        .output("tree", tree(), "What lay in `collect` at the end; an empty tree when none was asked for")
        .isolation(Isolation::Oci)
        .tool("podman", "podman")
        .tool("runc", "runc")
        .tool("unshare", "util-linux")
        .tool("slirp4netns", "slirp4netns")
        .tool("ip", "iproute2")
        .example(EXAMPLE)
}
