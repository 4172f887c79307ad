//! The real programs that tests run against.
//!
//! A test that needs a program asks for it by name, and its own name ends in that program's name:
//!
//! ```no_run
//! fn an_image_survives_the_way_in_and_out_by_skopeo() {
//!     let Some(skopeo) = test_parts::tool("skopeo", "an_image_survives_the_way_in_and_out_by_skopeo") else {
//!         return;
//!     };
//!     assert!(skopeo.command().arg("--help").status().unwrap().success());
//! }
//! ```
//!
//! Programs are looked for in the folder that `IMAGE_FACTORY_TOOLS` names, then on `PATH`, then where a system
//! keeps programs for its administrator. A missing one prints one line, even while the harness captures output:
//! `skipped: <test>: <tool> is not on PATH`. With `IMAGE_FACTORY_TEST_REPORT` set, each request appends a line to
//! the file it names: `<tool>\t<version>\t<test>` or `skip\t<tool>\t<test>\t<reason>`.

mod find;
mod postgres;
mod report;

pub use find::{Tool, tool};
pub use postgres::{Postgres, postgres};
pub use report::{is_full, note, skipped};
