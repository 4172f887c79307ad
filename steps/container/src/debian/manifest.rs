//! What `rootfs/debian@v1` takes, gives and promises.

use steps_kit::Manifest;
use vocab::{ActionManifest, ArtifactKind, Isolation, Type, Value};

use super::args::Variant;
use crate::arch::Arch;

/// What fetches `InRelease` files as apt does. It comes with apt, but not on `PATH`.
pub(super) const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

pub(super) const SUITES: [&str; 2] = ["bookworm", "trixie"];

const DOC: &str = "\
Builds a root file system from signed Debian packages with mmdebstrap. Packages come from the mirror that the operator
configured (`mirrors.apt`), or else from where the worker gets its own; the image itself names the public archive.
Security updates and stable updates are in it unless `updates: false` says otherwise.

The same inputs and the same state of the mirror give the same digest: nothing of the worker and no clock enters. The
cache is keyed by the archive's signed `InRelease` files, so a mirror that moved on is noticed.

Variants: `essential` (no apt), `apt`, `slim` (`apt` without manual pages, translations and documentation; later
installations in the image leave them out, too), `minbase`. A package may be pinned: `curl=7.88.1-10`. The file system
has an empty `/dev`, which every container runtime fills.";

const EXAMPLE: &str = r"rootfs:
  uses: rootfs/debian@v1
  with:
    suite: bookworm
    packages: [ca-certificates, curl]
  timeout: 20m
";

pub(super) fn manifest() -> ActionManifest {
    let words = |words: &[&str]| Type::Enum(words.iter().map(|word| (*word).to_owned()).collect());
    let variants = Variant::ALL.map(Variant::name);
    Manifest::new("rootfs/debian", 1, "Builds the root file system of a Debian release")
        .doc(DOC)
        .required("suite", words(&SUITES), "Release of Debian")
        .default(
            "variant",
            words(&variants),
            Variant::DEFAULT,
            "How much of Debian goes in before `packages`",
        )
        .default(
            "packages",
            Type::list(Type::String),
            Value::List(Vec::new()),
            "Packages to install besides, each with `=VERSION` where it is pinned",
        )
        .default(
            "components",
            Type::list(Type::String),
            Value::List(vec!["main".into()]),
            "Parts of the archive: `main`, `contrib`, `non-free`, `non-free-firmware`",
        )
        .default("updates", Type::Boolean, true, "Whether security updates and stable updates are taken in")
        .default("arch", Arch::port_type(), Arch::DEFAULT, "Architecture of the packages")
        .default("timestamp", Type::Integer, 0, "Latest time that a file may carry, in seconds since 1970")
        .output("tree", Type::Artifact(ArtifactKind::Tree), "The root file system")
        .output(
            "packages",
            Type::Artifact(ArtifactKind::Report),
            "Name, version and source of each package, as JSON",
        )
        .output(
            "release",
            Type::Digest,
            "Digest of the suite's `InRelease`, which fixes all packages of the suite",
        )
        .output("releases", Type::map(Type::Digest), "Digest of `InRelease` by suite, the updates' included")
        .isolation(Isolation::Tool)
        .tool("mmdebstrap", "mmdebstrap")
        .tool(APT_HELPER, "apt")
        .tool("unshare", "util-linux")
        .example(EXAMPLE)
}
