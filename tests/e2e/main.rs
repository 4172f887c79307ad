//! The whole factory, from the outside: the real binary, a real Git, real web hooks, the public API and registry.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and the place is what it says")]
#![expect(clippy::disallowed_methods, reason = "a test waits for a real process by the real clock")]
#![expect(clippy::print_stderr, reason = "a failed test shows the end of the server's log")]

mod bad_input;
mod crash;
mod golden;
mod hostile;
mod outage;
mod push;
mod support;
