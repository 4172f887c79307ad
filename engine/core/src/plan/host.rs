//! Which steps of a plan let a tenant's code reach the host: those need the operator's trust.

use vocab::Isolation;

use super::{Plan, PlanSpec};

impl Plan {
    /// The steps that execute on the host, with the isolation that says so; those of workflows that steps may start
    /// as `workflow/step`.
    ///
    /// An isolation that does not stand there as a word counts as the host: what it is would be known only in the run.
    pub fn on_host(&self) -> Vec<(String, Isolation)> {
        self.spec().on_host()
    }
}

impl PlanSpec {
    fn on_host(&self) -> Vec<(String, Isolation)> {
        let own = self.steps.iter().chain(&self.finally).filter_map(|step| {
            // A plan describes every action that it uses.
            let isolation = self.actions.get(&step.uses)?.isolation.of(|name| {
                let given = step.inputs.get(name)?;
                Some(given.literal().cloned().unwrap_or_else(|| "".into()))
            });
            isolation.is_host().then(|| (step.name.clone(), isolation))
        });
        let below = self.workflows.iter().flat_map(|(name, workflow)| {
            let inner = workflow.on_host().into_iter();
            inner.map(move |(step, isolation)| (format!("{name}/{step}"), isolation))
        });
        own.chain(below).collect()
    }
}

#[cfg(test)]
mod tests {
    use lang::{Part, Template};
    use vocab::{ActionRef, Caching, IsolationRule, Value};

    use super::super::{PlanAction, PlanStep};
    use super::*;

    fn plan(default: Isolation, given: Option<Template>) -> Plan {
        let action: ActionRef = "test/some@v1".parse().unwrap();
        let mut step = PlanStep::new("a", action.clone());
        step.inputs.extend(given.map(|given| ("isolation".to_owned(), given)));
        let rule = IsolationRule { default, input: Some("isolation".to_owned()) };
        let about = PlanAction {
            inputs: Vec::new(),
            outputs: Vec::new(),
            caching: Caching::Never,
            effects: Vec::new(),
            isolation: rule,
            wait: None,
        };
        Plan::new(PlanSpec {
            name: "test".to_owned(),
            actions: [(action, about)].into(),
            steps: vec![step],
            finally: Vec::new(),
            workflows: std::collections::BTreeMap::new(),
            outputs: std::collections::BTreeMap::new(),
            timeout_millis: None,
            concurrency: None,
            priority: 0,
        })
        .unwrap()
    }

    #[test]
    fn a_step_is_on_the_host_unless_its_isolation_is_written_out_and_says_otherwise() {
        let word = |word: &str| Some(Template::Literal(Value::from(word)));
        let computed = Some(Template::Text(vec![Part::Text("oci".to_owned())]));
        for (default, given, on_host) in [
            (Isolation::Oci, None, false),
            (Isolation::None, None, true),
            (Isolation::None, word("oci"), false),
            (Isolation::Oci, word("chroot"), true),
            (Isolation::Oci, word("whatever"), true),
            (Isolation::Oci, computed, true),
        ] {
            let inner = plan(default, given.clone());
            let mut caller = PlanSpec::from(plan(Isolation::Oci, None));
            caller.workflows.insert("inner".to_owned(), inner.spec().clone());
            let found = Plan::new(caller).unwrap().on_host();
            assert_eq!(found.iter().any(|(step, _)| step == "inner/a"), on_host, "{default} {given:?}");
            assert_eq!(plan(default, given.clone()).on_host().len() == 1, on_host, "{default} {given:?}");
        }
    }
}
