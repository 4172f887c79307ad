//! The listener: one address for API and registry, TLS, and an orderly end.

mod edge;
mod error;
mod listener;
mod refusals;
mod signals;
mod tls;

pub(crate) use edge::{Edge, Routes, complete};
pub(crate) use error::ServeError;
pub(crate) use listener::{Ending, Listener, serve};
pub(crate) use signals::{Hangup, Signals};
pub(crate) use tls::Identity;
