//! The architectures that images are built for.

use vocab::Type;

/// The architecture of an image. It is always an input: the worker's own would make the digest depend on the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arch {
    Amd64,
    Arm64,
}

impl Arch {
    /// What holds when a workflow names none.
    pub(crate) const DEFAULT: &str = "amd64";

    const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// The word that Debian, Go and the OCI specification use alike.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }

    /// The type of a port that takes one.
    pub(crate) fn port_type() -> Type {
        Type::Enum(Self::ALL.map(|arch| arch.name().to_owned()).to_vec())
    }
}
