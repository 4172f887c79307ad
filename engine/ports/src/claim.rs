//! Which process drives a run, where several share the rows.

use std::time::Duration;

use vocab::Timestamp;

/// How long a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// The caller's time. A store that several processes share goes by its database's clock instead, so that their
    /// own may differ.
    pub now: Timestamp,
    /// From now on, this long.
    pub lasts: Duration,
}

impl Term {
    /// When it ends, if it begins at `now`.
    pub fn ends(self, now: Timestamp) -> Timestamp {
        now.plus(self.lasts)
    }
}
