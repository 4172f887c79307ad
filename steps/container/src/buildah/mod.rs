//! `container/buildah@v1`: an image from a Containerfile.

mod args;
mod bench;
mod containerfile;
mod execute;
#[cfg(test)]
mod hostile;
mod inputs;
mod manifest;
#[cfg(test)]
mod moved;
mod pin;
mod reference;
#[cfg(test)]
mod tests;

pub use execute::Buildah;
