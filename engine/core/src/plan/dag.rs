//! The plan: steps as a graph, checked once and never changed.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use lang::{Catalogue, Concurrency, Template, Workflow};
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};
use vocab::{ActionRef, Digest, StepPath};

use super::step::millis;
use super::{PlanAction, PlanStep};

/// What a plan is made of; the form in which it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanSpec {
    /// Name of the workflow.
    pub name: String,
    /// The actions that the steps use.
    pub actions: BTreeMap<ActionRef, PlanAction>,
    /// The body, in the order of the workflow.
    pub steps: Vec<PlanStep>,
    /// The steps that run whatever the body came to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finally: Vec<PlanStep>,
    /// The workflows that its steps may start as runs of their own, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workflows: BTreeMap<String, PlanSpec>,
    /// What the run gives when it succeeds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Template>,
    /// The time for a whole run in milliseconds, where the workflow names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_millis: Option<u64>,
    /// The group of runs that it shares its turn with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Which of a tenant's runs get a worker first: the higher.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub priority: i32,
}

/// Why steps make no plan. Lint finds all of this earlier and says where; here it guards what is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A name that is no step name.
    #[error("`{0}` is no name for a step: use lower-case letters, digits and `_`")]
    Name(String),
    /// Two steps of one name.
    #[error("two steps are called `{0}`: rename one of them")]
    Duplicate(String),
    /// A step needs one that is not there, or is in the other part of the workflow.
    #[error("step `{step}` needs `{need}`, which is not a step of the same part of the workflow")]
    UnknownNeed {
        /// The step.
        step: String,
        /// What it needs.
        need: String,
    },
    /// A step uses an action that the plan does not describe.
    #[error("step `{step}` uses {action}, which this factory does not have")]
    UnknownAction {
        /// The step.
        step: String,
        /// The action.
        action: ActionRef,
    },
    /// A workflow that steps may start makes no plan itself.
    #[error("workflow `{name}`: {error}")]
    Workflow {
        /// Its name.
        name: String,
        /// Why.
        error: Box<PlanError>,
    },
    /// Steps wait for each other.
    #[error("these steps wait for each other: {}", .0.join(", "))]
    Cycle(Vec<String>),
}

/// A checked plan. Steps are numbered by position: the body first, then `finally`, each in the order of the workflow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "PlanSpec", into = "PlanSpec")]
pub struct Plan {
    spec: PlanSpec,
    paths: IndexMap<String, StepPath>,
    /// Edges go from a need to the steps that need it. The number of a node is the position of its step.
    graph: DiGraph<(), ()>,
    /// Positions of the steps, needs before what needs them.
    order: Vec<u32>,
    /// The place of each step in `order`.
    ranks: Vec<u32>,
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Plan {
    /// Checks names, needs and actions, and orders the steps.
    pub fn new(spec: PlanSpec) -> Result<Self, PlanError> {
        let mut paths = IndexMap::with_capacity(spec.steps.len() + spec.finally.len());
        for step in spec.steps.iter().chain(&spec.finally) {
            let path = StepPath::of_step(&step.name).map_err(|_| PlanError::Name(step.name.clone()))?;
            if paths.insert(step.name.clone(), path).is_some() {
                return Err(PlanError::Duplicate(step.name.clone()));
            }
            if !spec.actions.contains_key(&step.uses) {
                return Err(PlanError::UnknownAction { step: step.name.clone(), action: step.uses.clone() });
            }
        }
        for (name, workflow) in &spec.workflows {
            let broken = |error| PlanError::Workflow { name: name.clone(), error: Box::new(error) };
            Self::new(workflow.clone()).map_err(broken)?;
        }
        let graph = connect(&spec, &paths)?;
        let order = toposort(&graph, None).map_err(|_| PlanError::Cycle(cycle(&graph, &paths)))?;
        let order: Vec<u32> = order.into_iter().map(position).collect();
        let mut ranks = vec![0; order.len()];
        for (rank, &step) in order.iter().enumerate() {
            ranks[step as usize] = narrow(rank);
        }
        Ok(Self { spec, paths, graph, order, ranks })
    }

    /// Plans a workflow that compiled against this catalogue, with the workflows that its steps may start: pinned here,
    /// so that what a run starts does not depend on when it does.
    pub fn of(workflow: &Workflow, workflows: &[Workflow], catalogue: &Catalogue) -> Result<Self, PlanError> {
        let mut spec = Self::spec_of(workflow, catalogue)?;
        for workflow in workflows {
            spec.workflows.insert(workflow.name.to_string(), Self::spec_of(workflow, catalogue)?);
        }
        Self::new(spec)
    }

    fn spec_of(workflow: &Workflow, catalogue: &Catalogue) -> Result<PlanSpec, PlanError> {
        let mut actions = BTreeMap::new();
        for step in workflow.steps.values().chain(workflow.finally.values()) {
            if !actions.contains_key(&step.action) {
                let found = catalogue.get(&step.action).ok_or_else(|| PlanError::UnknownAction {
                    step: step.name.clone(),
                    action: step.action.clone(),
                })?;
                actions.insert(step.action.clone(), PlanAction::from(found));
            }
        }
        let outputs = workflow.outputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(PlanSpec {
            name: workflow.name.to_string(),
            actions,
            steps: workflow.steps.values().map(PlanStep::from).collect(),
            finally: workflow.finally.values().map(PlanStep::from).collect(),
            workflows: BTreeMap::new(),
            outputs,
            timeout_millis: workflow.timeout.map(millis),
            concurrency: workflow.concurrency.clone(),
            priority: workflow.priority,
        })
    }

    /// What it is made of.
    pub const fn spec(&self) -> &PlanSpec {
        &self.spec
    }

    /// Name of the workflow.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The time for a whole run, where the workflow names one.
    pub fn timeout(&self) -> Option<Duration> {
        self.spec.timeout_millis.map(Duration::from_millis)
    }

    /// Number of steps, `finally` included.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether it has no steps at all.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The steps with their positions.
    pub fn steps(&self) -> impl Iterator<Item = (u32, &PlanStep)> {
        self.spec.steps.iter().chain(&self.spec.finally).enumerate().map(|(at, step)| (narrow(at), step))
    }

    /// The step at `position`, which must come from this plan.
    pub fn step(&self, position: u32) -> &PlanStep {
        let at = position as usize;
        self.spec.steps.get(at).unwrap_or_else(|| &self.spec.finally[at - self.spec.steps.len()])
    }

    /// What dispatch must know of the action of the step at `position`.
    pub fn action(&self, position: u32) -> &PlanAction {
        &self.spec.actions[&self.step(position).uses]
    }

    /// The position of the step called `name`.
    pub fn position(&self, name: &str) -> Option<u32> {
        self.paths.get_index_of(name).map(narrow)
    }

    /// The path of the step at `position`, without an instance.
    pub fn path(&self, position: u32) -> &StepPath {
        &self.paths[position as usize]
    }

    /// Whether the step at `position` stands under `finally`.
    pub fn in_finally(&self, position: u32) -> bool {
        position as usize >= self.spec.steps.len()
    }

    /// The positions of what the step at `position` needs.
    pub fn needs(&self, position: u32) -> impl Iterator<Item = u32> + '_ {
        self.graph.neighbors_directed(NodeIndex::new(position as usize), Incoming).map(self::position)
    }

    /// The positions of the steps that need the step at `position`.
    pub fn followers(&self, position: u32) -> impl Iterator<Item = u32> + '_ {
        self.graph.neighbors_directed(NodeIndex::new(position as usize), Outgoing).map(self::position)
    }

    /// All positions, needs before what needs them. Backwards it is the order in which effects are undone.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The place of the step at `position` in [`Plan::order`].
    pub fn rank(&self, position: u32) -> u32 {
        self.ranks[position as usize]
    }

    /// The digest by which equal plans share a row: over the JSON form, whose keys have one order.
    pub fn digest(&self) -> Digest {
        match serde_json::to_vec(&self.spec) {
            Ok(json) => Digest::of(json),
            // Every map of a plan has texts as keys, and nothing else in it can fail to serialize.
            Err(error) => unreachable!("a plan serializes: {error}"),
        }
    }
}

impl TryFrom<PlanSpec> for Plan {
    type Error = PlanError;

    fn try_from(spec: PlanSpec) -> Result<Self, PlanError> {
        Self::new(spec)
    }
}

impl From<Plan> for PlanSpec {
    fn from(plan: Plan) -> Self {
        plan.spec
    }
}

fn connect(spec: &PlanSpec, paths: &IndexMap<String, StepPath>) -> Result<DiGraph<(), ()>, PlanError> {
    let edges = spec.steps.iter().chain(&spec.finally).map(|step| step.needs.len()).sum();
    let mut graph = DiGraph::with_capacity(paths.len(), edges);
    for _ in 0..paths.len() {
        graph.add_node(());
    }
    let body = spec.steps.len();
    for (at, step) in spec.steps.iter().chain(&spec.finally).enumerate() {
        for (number, need) in step.needs.iter().enumerate() {
            let unknown = || PlanError::UnknownNeed { step: step.name.clone(), need: need.clone() };
            let needed = paths.get_index_of(need).filter(|needed| (*needed < body) == (at < body));
            let needed = needed.ok_or_else(unknown)?;
            if !step.needs[..number].contains(need) {
                graph.add_edge(NodeIndex::new(needed), NodeIndex::new(at), ());
            }
        }
    }
    Ok(graph)
}

/// The names of some steps that wait for each other, in the order of the workflow.
fn cycle(graph: &DiGraph<(), ()>, paths: &IndexMap<String, StepPath>) -> Vec<String> {
    let knots = tarjan_scc(graph);
    let knot = knots.into_iter().find(|knot| knot.len() > 1 || graph.contains_edge(knot[0], knot[0]));
    let mut members = knot.unwrap_or_default();
    members.sort_unstable();
    members.iter().filter_map(|node| paths.get_index(node.index())).map(|(name, _)| name.clone()).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_usual(priority: &i32) -> bool {
    *priority == 0
}

fn position(node: NodeIndex) -> u32 {
    narrow(node.index())
}

/// Positions fit: a workflow file of one MiB cannot hold four billion steps.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
