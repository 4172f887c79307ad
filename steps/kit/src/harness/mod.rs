//! Where actions are tested: contexts with fakes that really do what they say, and the contract.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "this is test code: a broken test has to stop"
)]

mod artifacts;
mod content;
mod contract;
mod example;
mod images;
mod journal;
mod leftovers;
mod log;
mod secrets;
mod tools;
mod world;

pub use artifacts::FakeArtifacts;
pub use contract::{check_contract, check_superseded};
pub use example::manifest_problems;
pub use images::FakeImages;
pub use journal::{FakeJournal, Fault};
pub use log::CollectingLog;
pub use secrets::FakeSecrets;
pub use tools::DirectTools;
pub use world::Harness;
