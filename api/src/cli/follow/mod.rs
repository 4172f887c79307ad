//! Following a run to its end, live on a terminal, line by line elsewhere.

mod aftermath;
mod changes;
mod picture;
mod remote;
mod snapshot;
mod view;
mod watch;

pub(super) use aftermath::{Tail, aftermath};
pub(super) use remote::RemoteRun;
pub(super) use snapshot::Snapshot;
pub(super) use watch::{Watched, follow};
