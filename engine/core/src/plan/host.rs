//! Which steps of a plan let a tenant's code reach the host: those need the operator's trust.

use vocab::Isolation;

use super::{Plan, PlanStep};

impl Plan {
    /// The steps that execute on the host, with the isolation that says so.
    ///
    /// An isolation that does not stand there as a word counts as the host: what it is would be known only in the run.
    pub fn on_host(&self) -> impl Iterator<Item = (&PlanStep, Isolation)> {
        self.steps().filter_map(|(position, step)| {
            let isolation = self.action(position).isolation.of(|name| {
                let given = step.inputs.get(name)?;
                Some(given.literal().cloned().unwrap_or_else(|| "".into()))
            });
            isolation.is_host().then_some((step, isolation))
        })
    }
}

#[cfg(test)]
mod tests {
    use lang::{Part, Template};
    use vocab::{ActionRef, Caching, IsolationRule, Value};

    use super::super::{PlanAction, PlanSpec};
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
        };
        Plan::new(PlanSpec {
            name: "test".to_owned(),
            actions: [(action, about)].into(),
            steps: vec![step],
            finally: Vec::new(),
            outputs: std::collections::BTreeMap::new(),
            timeout_millis: None,
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
            assert_eq!(plan(default, given.clone()).on_host().count() == 1, on_host, "{default} {given:?}");
        }
    }
}
