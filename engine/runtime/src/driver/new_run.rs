//! What a new run begins with: its row, its plan and its first event, made in one place, whoever starts it.

use std::sync::Arc;
use std::time::Duration;

use engine_core::plan::Plan;
use engine_core::run::{Event, GroupError, Parent, RunCreated, RunLimits};
use engine_ports::{RunRow, StoreError};
use serde_json::Value as Json;
use vocab::{Compensation, Inputs, Limits, Outputs, ProjectId, RunId, RunStatus, TenantName, Timestamp};

use super::meta::{self, RunContext};

/// What a run is made of.
pub(crate) struct NewRun {
    pub(crate) run: RunId,
    pub(crate) tenant: TenantName,
    pub(crate) project: Option<ProjectId>,
    pub(crate) plan: Plan,
    pub(crate) inputs: Inputs,
    /// As [`meta::trigger`] writes it.
    pub(crate) trigger: Json,
    /// The step that starts it, where one does.
    pub(crate) parent: Option<Parent>,
    /// The delivery that asks for it, and the workflow's file.
    pub(crate) origin: Option<(String, String)>,
    /// What it takes over from an earlier run, everything held that this names.
    pub(crate) taken: Vec<Event>,
}

/// A run that is to be created.
pub(crate) struct FirstWords {
    pub(crate) row: RunRow,
    pub(crate) created: RunCreated,
    pub(crate) plan: Arc<Plan>,
    pub(crate) plan_json: Json,
    pub(crate) origin: Option<(String, String)>,
    pub(crate) taken: Vec<Event>,
}

impl FirstWords {
    /// What is written first about a run that is accepted at `now` and lives by `limits`.
    pub(crate) fn of(new: NewRun, limits: &Limits, now: Timestamp) -> Result<Self, StoreError> {
        let NewRun { run, tenant, project, plan, inputs, trigger, parent, origin, taken } = new;
        let plan_json = serde_json::to_value(&plan).map_err(|error| StoreError::Damaged {
            row: format!("plan of run {run}"),
            reason: error.to_string(),
        })?;
        let time = plan.timeout().unwrap_or(Duration::from_secs(limits.run_seconds));
        let created = RunCreated {
            run,
            plan: plan.digest(),
            inputs: inputs.clone(),
            origin: meta::origin(&trigger),
            deadline: Some(now.plus(time)),
            limits: RunLimits::from(limits),
            parent,
            group: None,
            waits: false,
            context: RunContext { tenant: tenant.clone(), project, trigger: trigger.clone() }.to_json(),
        };
        let row = RunRow {
            id: run,
            tenant,
            project,
            workflow: plan.name().to_owned(),
            plan: created.plan.clone(),
            trigger,
            inputs,
            status: RunStatus::Queued,
            compensation: Compensation::NotNeeded,
            outputs: Outputs::new(),
            error: None,
            created_at: now,
            finished_at: None,
            seq: 0,
            group: None,
            parent: created.parent.as_ref().map(|parent| parent.run),
        };
        Ok(Self { row, created, plan: Arc::new(plan), plan_json, origin, taken })
    }

    /// Puts the run into the group that its workflow names.
    pub(crate) fn join_group(&mut self) -> Result<(), GroupError> {
        self.created.group = self.created.group_in(&self.plan)?;
        self.row.group.clone_from(&self.created.group);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use engine_core::plan::PlanSpec;
    use serde_json::json;

    use super::*;

    fn plan(timeout_millis: Option<u64>) -> Plan {
        let (steps, finally) = (Vec::new(), Vec::new());
        let (actions, workflows, outputs, concurrency) = Default::default();
        let name = "test".to_owned();
        Plan::new(PlanSpec {
            name,
            actions,
            steps,
            finally,
            workflows,
            outputs,
            timeout_millis,
            concurrency,
            priority: 0,
        })
        .unwrap()
    }

    #[test]
    fn the_row_and_the_first_event_say_the_same() {
        let limits = Limits { run_seconds: 60, ..Limits::default() };
        for (timeout, deadline) in [(None, 60_000), (Some(5_000), 5_000)] {
            let new = NewRun {
                run: RunId::from(uuid::Uuid::nil()),
                tenant: TenantName::default_tenant(),
                project: None,
                plan: plan(timeout),
                inputs: Inputs::from([("a".to_owned(), 1.into())]),
                trigger: meta::trigger(&json!({ "actor": "ada" }), None, true, None),
                parent: None,
                origin: None,
                taken: Vec::new(),
            };
            let FirstWords { row, created, plan, .. } =
                FirstWords::of(new, &limits, Timestamp::from_millis(0)).unwrap();
            assert_eq!((row.id, &row.plan, &row.inputs), (created.run, &created.plan, &created.inputs));
            assert_eq!(row.plan, plan.digest());
            assert_eq!(created.deadline, Some(Timestamp::from_millis(deadline)));
            assert_eq!(created.origin.actor.as_deref(), Some("ada"));
            let context = RunContext::of(&created.context).unwrap();
            assert_eq!((context.tenant, context.trigger), (row.tenant, row.trigger));
        }
    }
}
