//! The tree's promises, seen from outside: one form, nothing lost, nothing let out.
#![cfg(test)]

mod fixture;
mod golden;
mod hostile;
mod roundtrip;
