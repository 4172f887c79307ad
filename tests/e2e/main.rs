//! The whole factory, from the outside: the real binary, a real Git, real web hooks, the public API and registry.

mod bad_input;
mod crash;
mod hostile;
mod outage;
mod push;
mod support;
