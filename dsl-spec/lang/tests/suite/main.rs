//! Tests of the language through its public surface: what is generated, what hostile input does, how values come out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../corpus/mod.rs"]
mod corpus;
mod evaluation;
mod generated;
mod inputs;
mod robustness;
