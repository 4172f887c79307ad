//! What the tests share.

mod client;
mod image;
mod people;
mod server;
mod store;

pub(crate) use client::{Client, Reply};
pub(crate) use image::{Image, MANIFEST, image};
pub(crate) use people::{ADMIN, OTHER, People};
pub(crate) use server::Server;
pub(crate) use store::{Store, open, settings};
