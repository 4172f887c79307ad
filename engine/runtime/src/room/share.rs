//! Who has room. Pure: it follows from the runs that are not over, and from nothing that is counted beside them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use engine_ports::UnderWay;
use vocab::{Limits, OnNew, ProjectId, RunGroup, RunId, RunStatus};

/// How many runs the installation lets go on at once; 0 for no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bounds {
    pub(crate) workflow: u64,
    pub(crate) project: u64,
    pub(crate) tenant: u64,
}

impl Bounds {
    pub(crate) const fn of(limits: &Limits) -> Self {
        Self {
            workflow: limits.runs_per_workflow,
            project: limits.runs_per_project,
            tenant: limits.runs_per_tenant,
        }
    }

    /// Whether there are none.
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// What a queued run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// Others of its group.
    Group {
        /// The group.
        group: RunGroup,
        /// The run before it.
        behind: RunId,
    },
    /// Others of its workflow, as many as `limits.runs_per_workflow` lets go on.
    Workflow(u64),
    /// Others of its project, as many as `limits.runs_per_project` lets go on.
    Project(u64),
    /// Others of its tenant, as many as `limits.runs_per_tenant` lets go on.
    Tenant(u64),
}

impl Waits {
    /// The run that it waits behind, where it is one.
    pub const fn behind(&self) -> Option<RunId> {
        match self {
            Self::Group { behind, .. } => Some(*behind),
            _ => None,
        }
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whose, key, bound) = match self {
            Self::Group { group, behind } => {
                return write!(f, "waits in group `{}` behind run {behind}", group.name);
            }
            Self::Workflow(bound) => ("workflow", "runs_per_workflow", bound),
            Self::Project(bound) => ("project", "runs_per_project", bound),
            Self::Tenant(bound) => ("tenant", "runs_per_tenant", bound),
        };
        write!(f, "waits until a run of its {whose} is over: {bound} at once (`limits.{key}`)")
    }
}

/// What is to be done about the runs of a tenant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// Queued runs that have room, the oldest first.
    pub(crate) admit: Vec<RunId>,
    /// Runs that are asked to end, each with the run that it shall make room for.
    pub(crate) ask: BTreeMap<RunId, RunId>,
    /// What the other queued ones wait for.
    pub(crate) waits: BTreeMap<RunId, Waits>,
}

/// What was seen of a group, going from old to new.
#[derive(Default)]
struct Seen {
    /// Runs that have begun, however new.
    begun: u64,
    /// Older runs that wait.
    queued: u64,
    /// All older ones, the oldest first.
    older: Vec<RunId>,
    /// The newest one that has begun.
    newest: Option<RunId>,
}

/// How many runs have begun.
#[derive(Default)]
struct Begun<'r> {
    workflows: HashMap<(Option<ProjectId>, &'r str), u64>,
    projects: HashMap<ProjectId, u64>,
    tenant: u64,
}

type Groups<'r> = HashMap<(Option<ProjectId>, &'r str), Seen>;

/// Sharing out the room between the runs of one tenant, given from old to new.
///
/// A run goes on when those of its group that are older or have begun leave room, whatever *their* `limit` says, and
/// when the bounds do. The oldest is asked first, so that nobody is overtaken within a group; one that waits for its
/// group takes no room of others.
pub(crate) fn share(runs: &[UnderWay], bounds: Bounds) -> Sharing {
    let mut groups = Groups::new();
    let mut begun = Begun::default();
    for run in runs.iter().filter(|run| run.status != RunStatus::Queued) {
        begun.add(run);
        if let Some(group) = &run.group {
            let seen = groups.entry((run.project, &group.name)).or_default();
            seen.begun += 1;
            seen.newest = Some(run.run);
        }
    }
    let mut found = Sharing::default();
    let mut ready = Vec::new();
    for run in runs {
        let queued = run.status == RunStatus::Queued;
        let mut free = true;
        if let Some(group) = &run.group {
            let seen = groups.entry((run.project, &group.name)).or_default();
            if queued {
                let excess = (seen.begun + seen.queued + 1).saturating_sub(u64::from(group.limit));
                let behind = seen.older.last().copied().or(seen.newest);
                if let Some(behind) = behind.filter(|_| excess > 0) {
                    free = false;
                    found.waits.insert(run.run, Waits::Group { group: group.clone(), behind });
                    if group.on_new == OnNew::CancelRunning {
                        let most = usize::try_from(excess).unwrap_or(usize::MAX);
                        for older in seen.older.iter().take(most) {
                            found.ask.entry(*older).or_insert(run.run);
                        }
                    }
                }
                seen.queued += 1;
            }
            seen.older.push(run.run);
        }
        if queued && free {
            ready.push(run);
        }
    }
    for run in ready {
        // It ends before it has begun.
        if found.ask.contains_key(&run.run) {
            continue;
        }
        if let Some(waits) = begun.full(run, bounds) {
            found.waits.insert(run.run, waits);
        } else {
            begun.add(run);
            found.admit.push(run.run);
        }
    }
    found
}

impl<'r> Begun<'r> {
    fn add(&mut self, run: &'r UnderWay) {
        *self.workflows.entry((run.project, &run.workflow)).or_default() += 1;
        if let Some(project) = run.project {
            *self.projects.entry(project).or_default() += 1;
        }
        self.tenant += 1;
    }

    /// The bound that leaves no room for the run.
    fn full(&self, run: &UnderWay, bounds: Bounds) -> Option<Waits> {
        let workflow = self.workflows.get(&(run.project, run.workflow.as_str())).copied();
        let project = run.project.and_then(|project| self.projects.get(&project).copied());
        let is_full = |bound: u64, begun: u64| bound > 0 && begun >= bound;
        if is_full(bounds.workflow, workflow.unwrap_or(0)) {
            Some(Waits::Workflow(bounds.workflow))
        } else if is_full(bounds.project, project.unwrap_or(0)) {
            Some(Waits::Project(bounds.project))
        } else if is_full(bounds.tenant, self.tenant) {
            Some(Waits::Tenant(bounds.tenant))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use vocab::SeededIds;

    use super::*;

    /// Runs of one tenant, written as `(group or workflow, limit, on_new, begun)`, from old to new.
    struct Some {
        ids: SeededIds,
        runs: Vec<UnderWay>,
    }

    impl Some {
        fn none() -> Self {
            Self { ids: SeededIds::default(), runs: Vec::new() }
        }

        fn add(&mut self, status: RunStatus, project: Option<ProjectId>, group: Option<RunGroup>) -> RunId {
            let run = RunId::generate(&self.ids);
            self.runs.push(UnderWay { run, project, workflow: "w".to_owned(), group, status });
            run
        }

        fn grouped(&mut self, status: RunStatus, limit: u32, on_new: OnNew) -> RunId {
            self.add(status, None, Option::Some(RunGroup { name: "g".to_owned(), limit, on_new }))
        }

        fn share(&self) -> Sharing {
            share(&self.runs, Bounds::default())
        }
    }

    const RUNNING: RunStatus = RunStatus::Running;
    const QUEUED: RunStatus = RunStatus::Queued;

    #[test]
    fn the_oldest_goes_first_and_each_waits_for_the_one_before() {
        let mut some = Some::none();
        let first = some.grouped(QUEUED, 1, OnNew::Queue);
        let second = some.grouped(QUEUED, 1, OnNew::Queue);
        let third = some.grouped(QUEUED, 1, OnNew::Queue);
        let found = some.share();
        assert_eq!(found.admit, [first]);
        let behind = |run| match &found.waits[&run] {
            Waits::Group { behind, .. } => *behind,
            other => panic!("{other:?}"),
        };
        assert_eq!((behind(second), behind(third)), (first, second));
        assert!(found.ask.is_empty());
    }

    #[test]
    fn one_that_has_begun_counts_however_new_it_is() {
        let mut some = Some::none();
        let old = some.grouped(QUEUED, 1, OnNew::Queue);
        let new = some.grouped(RUNNING, 1, OnNew::Queue);
        let found = some.share();
        assert!(found.admit.is_empty());
        assert!(matches!(found.waits[&old], Waits::Group { behind, .. } if behind == new));
    }

    #[test]
    fn as_many_go_on_as_the_limit_says() {
        let mut some = Some::none();
        some.grouped(RUNNING, 3, OnNew::Queue);
        let two = some.grouped(QUEUED, 3, OnNew::Queue);
        let three = some.grouped(QUEUED, 3, OnNew::Queue);
        some.grouped(QUEUED, 3, OnNew::Queue);
        assert_eq!(some.share().admit, [two, three]);
    }

    #[test]
    fn as_many_of_the_oldest_are_asked_to_end_as_it_takes() {
        let mut some = Some::none();
        let one = some.grouped(RUNNING, 2, OnNew::Queue);
        some.grouped(RUNNING, 2, OnNew::Queue);
        let new = some.grouped(QUEUED, 2, OnNew::CancelRunning);
        assert_eq!(some.share().ask, BTreeMap::from([(one, new)]));
    }

    #[test]
    fn the_newest_asks_all_before_it_and_those_that_wait_do_not_begin_for_that() {
        let mut some = Some::none();
        let one = some.grouped(QUEUED, 1, OnNew::CancelRunning);
        let two = some.grouped(QUEUED, 1, OnNew::CancelRunning);
        let three = some.grouped(QUEUED, 1, OnNew::CancelRunning);
        let found = some.share();
        assert_eq!(found.ask, BTreeMap::from([(one, two), (two, three)]));
        assert!(found.admit.is_empty());
    }

    #[test]
    fn groups_of_projects_are_apart() {
        let mut some = Some::none();
        let group = || Option::Some(RunGroup { name: "g".to_owned(), limit: 1, on_new: OnNew::Queue });
        let projects = [(); 2].map(|()| ProjectId::generate(&some.ids));
        some.add(RUNNING, Option::Some(projects[0]), group());
        let other = some.add(QUEUED, Option::Some(projects[1]), group());
        assert_eq!(some.share().admit, [other]);
    }

    #[test]
    fn bounds_hold_for_runs_without_a_group_and_the_oldest_goes_first() {
        let mut some = Some::none();
        let project = Option::Some(ProjectId::generate(&some.ids));
        some.add(RUNNING, project, None);
        let mine = some.add(QUEUED, project, None);
        let others = some.add(QUEUED, None, None);
        let last = some.add(QUEUED, None, None);
        let of = |bounds| share(&some.runs, bounds);
        let project = of(Bounds { project: 1, ..Bounds::default() });
        assert_eq!((project.admit, &project.waits[&mine]), (vec![others, last], &Waits::Project(1)));
        let tenant = of(Bounds { tenant: 2, ..Bounds::default() });
        assert_eq!((tenant.admit, &tenant.waits[&others]), (vec![mine], &Waits::Tenant(2)));
        let workflow = of(Bounds { workflow: 1, ..Bounds::default() });
        assert_eq!((workflow.admit, &workflow.waits[&last]), (vec![others], &Waits::Workflow(1)));
    }

    #[test]
    fn one_that_waits_for_its_group_takes_no_room_of_others() {
        let mut some = Some::none();
        some.grouped(RUNNING, 1, OnNew::Queue);
        some.grouped(QUEUED, 1, OnNew::Queue);
        let free = some.add(QUEUED, None, None);
        let found = share(&some.runs, Bounds { tenant: 2, ..Bounds::default() });
        assert_eq!(found.admit, [free]);
    }
}
