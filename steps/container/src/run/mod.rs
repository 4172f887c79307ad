//! `container/run@v1`: a command in a container.

mod args;
mod exchange;
mod execute;
mod inputs;
mod manifest;
mod owners;
mod podman;
#[cfg(test)]
mod tests;

pub use execute::Run;
