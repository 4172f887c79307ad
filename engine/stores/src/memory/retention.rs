//! Removing runs from the maps, by the same rules as from the tables.

use engine_ports::{FinishedFilter, FinishedRun};
use vocab::RunId;

use super::rows::{History, Rows};

impl History {
    fn has_open_effects(&self) -> bool {
        self.effects.values().any(|effect| !effect.state.is_over())
    }
}

impl Rows {
    /// Finished runs by their end.
    pub(super) fn finished(&self, filter: FinishedFilter, limit: usize) -> Vec<FinishedRun> {
        let mut found: Vec<_> = self
            .runs
            .values()
            .filter(|history| history.row.status.is_terminal())
            .filter_map(|history| Some((history.row.finished_at?, history)))
            .filter(|(at, history)| {
                *at < filter.before && filter.after.is_none_or(|after| (*at, history.row.id) > after)
            })
            .collect();
        found.sort_by_key(|(at, history)| (*at, history.row.id));
        found.truncate(limit);
        found
            .into_iter()
            .map(|(finished_at, history)| {
                let row = &history.row;
                let newer = self.runs.values().map(|other| &other.row).filter(|other| {
                    (&other.tenant, &other.workflow, other.project)
                        == (&row.tenant, &row.workflow, row.project)
                        && other.id > row.id
                });
                let newer = newer.take(filter.count as usize).count();
                FinishedRun {
                    id: row.id,
                    tenant: row.tenant.clone(),
                    project: row.project,
                    workflow: row.workflow.clone(),
                    finished_at,
                    newer: u32::try_from(newer).unwrap_or(u32::MAX),
                    open_effects: history.has_open_effects(),
                }
            })
            .collect()
    }

    /// Removes a run that has ended and has no open effects. Whether it went.
    pub(super) fn remove(&mut self, run: RunId) -> bool {
        let removable = |history: &History| history.row.status.is_terminal() && !history.has_open_effects();
        if !self.runs.get(&run).is_some_and(removable) {
            return false;
        }
        let Some(history) = self.runs.remove(&run) else { return false };
        self.claims.remove(&run);
        self.requests.retain(|_, (request, _)| request.run != run);
        self.leases.retain(|(owner, _), _| *owner != run);
        self.origins.retain(|_, started| *started != run);
        let plan = history.row.plan;
        if self.runs.values().all(|other| other.row.plan != plan) {
            self.plans.remove(&plan);
        }
        true
    }
}
