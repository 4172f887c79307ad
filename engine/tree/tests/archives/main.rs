//! The tree's promises, seen from outside: one form, nothing lost, nothing let out.
#![cfg(test)]

mod bounds;
mod fixture;
mod golden;
mod hostile;
mod roundtrip;
