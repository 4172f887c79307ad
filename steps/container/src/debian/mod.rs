//! `rootfs/debian@v1`: the root file system of a Debian release.

mod args;
mod execute;
mod failure;
mod inputs;
mod manifest;
mod mirror;
mod packages;
mod sources;
#[cfg(test)]
mod tests;

pub use execute::Debian;
