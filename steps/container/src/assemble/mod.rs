//! `container/assemble@v1`: an image from trees, without a tool and without root.

mod execute;
mod inputs;
mod manifest;
#[cfg(test)]
mod tests;

pub use execute::Assemble;
