//! When entries of the cache were used, by the same rules as in the tables.

use engine_ports::MemoKey;
use vocab::Timestamp;

use super::rows::Rows;

impl Rows {
    /// Notes that an entry was used; a moment before the one that is known changes nothing.
    pub(super) fn use_memo(&mut self, key: &MemoKey, at: Timestamp) {
        if let Some(entry) = self.memos.get_mut(key) {
            entry.used = at.max(entry.used);
        }
    }

    /// Entries that were not used since `before`, by their keys, after `after`.
    pub(super) fn idle_memos(
        &self,
        before: Timestamp,
        after: Option<&MemoKey>,
        limit: usize,
    ) -> Vec<MemoKey> {
        let idle = self.memos.values().filter(|entry| entry.used < before);
        let keys = idle.map(|entry| &entry.key).filter(|key| after.is_none_or(|after| *key > after));
        keys.take(limit).cloned().collect()
    }

    /// Forgets an entry, if there is one.
    pub(super) fn forget_memo(&mut self, key: &MemoKey) {
        self.memos.remove(key);
    }
}
