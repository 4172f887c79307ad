//! The doors of Image Factory: configuration, identity, REST, webhook, events, command line; and the only place
//! where the parts are wired together.

mod adapters;
mod catalogue;
pub mod cli;
mod compare;
pub mod config;
pub mod data;
mod factory;
mod filters;
mod ground;
mod metrics;
mod model;
mod problem;
pub mod reference;
mod rejection;
mod reply;
mod routes;
mod serve;
mod trigger;
mod ui;
mod upkeep;
mod wire;
