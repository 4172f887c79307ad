//! `concurrency`: how many runs of a group go on at once.

use vocab::OnNew;

use super::Draft;
use super::reader::{Keys, Reader};
use crate::syntax::{Entry, NodeKind};

pub(super) const CONCURRENCY: Keys =
    Keys { what: "`concurrency`", known: &["group", "limit", "on_new"], required: &["group"], later: &[] };

const ON_NEW: &[(&str, OnNew)] =
    &[("queue", OnNew::Queue), ("cancel_running", OnNew::CancelRunning), ("drop", OnNew::Drop)];

/// Runs of a group that may go on at once, at most.
const MOST: u32 = 1000;

/// `concurrency` as it was written.
#[derive(Debug)]
pub(crate) struct ConcurrencyDraft {
    pub(crate) group: Draft,
    pub(crate) limit: u32,
    pub(crate) on_new: OnNew,
}

impl Reader<'_> {
    /// A map, or the group alone.
    pub(super) fn concurrency(&mut self, entry: &Entry) -> Option<ConcurrencyDraft> {
        let node = &entry.value;
        if matches!(node.kind, NodeKind::Scalar(_)) {
            return Some(ConcurrencyDraft { group: self.draft(node), limit: 1, on_new: OnNew::default() });
        }
        let fields = self.fields(node, &CONCURRENCY, entry.key.span)?;
        let limit = fields.get("limit").map_or(Some(1), |node| self.integer(node, 1, MOST));
        let on_new = fields.get("on_new").map_or(Some(OnNew::default()), |node| self.word(node, ON_NEW));
        let group = self.draft(fields.get("group")?);
        Some(ConcurrencyDraft { group, limit: limit?, on_new: on_new? })
    }
}
