//! Parts that the tests of the state machine share.

mod deliver;
pub(crate) mod draw;
pub(crate) mod driver;
pub(crate) mod faults;
pub(crate) mod hand;
pub(crate) mod oracle;
pub(crate) mod person;
pub(crate) mod plans;
pub(crate) mod trouble;
pub(crate) mod world;
