//! What the names of an expression mean in the place where it stands.

use vocab::{Limits, Type, Value};

use super::steps::{Part, Steps};
use super::{Context, skips};
use crate::Span;
use crate::diagnostic::{Code, Finding, did_you_mean, listed};
use crate::expr::{BinaryOp, EachField, Expr, ExprKind, Reference, RunField, StatusFunction, Typing};

/// Where an expression stands.
#[derive(Debug, Clone)]
pub(super) enum Here {
    /// In `if` of a step.
    Condition(Part, usize),
    /// In `for_each` of a step.
    ForEach(Part, usize),
    /// In `with` of a step; with the type of the items that it is expanded over.
    With(Part, usize, Option<Type>),
    /// In `outputs`.
    Outputs,
    /// In the group of `concurrency`.
    Group,
}

pub(super) struct Place<'a, 'd> {
    context: &'a Context<'d>,
    here: Here,
}

impl<'a, 'd> Place<'a, 'd> {
    pub(super) const fn new(context: &'a Context<'d>, here: Here) -> Self {
        Self { context, here }
    }

    /// The bounds in force.
    pub(super) const fn limits(&self) -> &'a Limits {
        &self.context.options.limits
    }

    const fn step(&self) -> Option<(Part, usize)> {
        match self.here {
            Here::Condition(part, index) | Here::ForEach(part, index) | Here::With(part, index, _) => {
                Some((part, index))
            }
            Here::Outputs | Here::Group => None,
        }
    }

    /// The step that is read, when it may be read here.
    fn target(&self, name: &str, span: Span) -> Result<(&'a Steps<'d>, usize), Option<Finding>> {
        if matches!(self.here, Here::Group) {
            let message = "no step has run yet: the group is known before its run starts";
            let finding = Finding::new(Code::NotAvailable, span, message);
            return Err(Some(finding.help("it may read `inputs`, `run` and `trigger`")));
        }
        let in_finally = matches!(self.step(), Some((Part::Finally, _)));
        if let Some(index) = self.context.body.find(name) {
            return match self.step() {
                // Reported as a step that needs itself.
                Some((Part::Body, here)) if here == index => Err(None),
                _ => Ok((&self.context.body, index)),
            };
        }
        match self.context.finally.find(name) {
            Some(index) if in_finally => match self.step() {
                Some((_, here)) if here == index => Err(None),
                _ => Ok((&self.context.finally, index)),
            },
            Some(_) => {
                let message = format!("`{name}` is a step of `finally`, which runs after this is read");
                Err(Some(Finding::new(Code::NotAvailable, span, message)))
            }
            None => {
                let steps = self.context.body.names();
                let more = self.context.finally.names().filter(|_| in_finally);
                let names: Vec<_> = steps.chain(more).collect();
                let near = did_you_mean(name, names.iter().copied());
                let message = format!("there is no step `{name}`{near}");
                let finding = Finding::new(Code::UnknownStep, span, message);
                Err(Some(if near.is_empty() { finding.help(listed("steps", names)) } else { finding }))
            }
        }
    }

    /// Whether the outputs of a step may be missing when this place reads them.
    fn may_be_missing(&self, steps: &Steps<'_>, index: usize) -> bool {
        let draft = &steps.drafts[index];
        if self.asks_for_success(&draft.name.value) {
            return false;
        }
        let may_skip = steps.graph.may_skip.get(index).copied().unwrap_or(true);
        match self.step() {
            // Read only when the run succeeded.
            None => may_skip || draft.allow_failure,
            Some((Part::Finally, _)) if steps.part == Part::Body => true,
            Some((part, here)) => {
                let reader = self.context.part(part);
                let replaces = reader.drafts[here].condition.as_ref().is_some_and(Expr::uses_status);
                replaces || draft.allow_failure || (may_skip && !skips::together(reader, index, here))
            }
        }
    }

    /// Whether the step that reads has a condition that lets it run only when `step` succeeded.
    fn asks_for_success(&self, step: &str) -> bool {
        // `if` comes first: what it asks holds for `for_each` and `with`, not for itself.
        let (Here::ForEach(part, here) | Here::With(part, here, _)) = self.here else { return false };
        let condition = self.context.part(part).drafts[here].condition.as_ref();
        condition.is_some_and(|condition| requires(condition, step))
    }

    fn output(&self, step: &str, output: &str, span: Span) -> Result<Type, Option<Finding>> {
        let (steps, index) = self.target(step, span)?;
        // An unknown action was reported where it stands.
        let Some(manifest) = steps.manifests[index] else { return Ok(Type::Any) };
        let Some(port) = manifest.output(output) else {
            let names: Vec<_> = manifest.outputs.iter().map(|port| port.name.as_str()).collect();
            let message = format!(
                "`{}` gives no output `{output}`{}",
                manifest.action,
                did_you_mean(output, names.iter().copied())
            );
            let has = if names.is_empty() {
                "it gives none".to_owned()
            } else {
                format!("it gives: {}", names.join(", "))
            };
            return Err(Some(Finding::new(Code::UnknownOutput, span, message).help(has)));
        };
        let ty = match steps.drafts[index].for_each {
            Some(_) => Type::list(port.ty.clone()),
            None => port.ty.clone(),
        };
        let missing = self.may_be_missing(steps, index) && !matches!(ty, Type::Nullable(_) | Type::Any);
        Ok(if missing { Type::nullable(ty) } else { ty })
    }
}

/// Whether a condition can only hold when `step` succeeded: one of its `&&` says so.
fn requires(condition: &Expr, step: &str) -> bool {
    match &condition.kind {
        ExprKind::And(parts) => parts.iter().any(|part| requires(part, step)),
        ExprKind::Binary { op: BinaryOp::Equal, left, right } => {
            let reads = |side: &Expr| matches!(&side.kind, ExprKind::Reference(Reference::Result { step: of }) if of == step);
            let says = |side: &Expr| matches!(&side.kind, ExprKind::Literal(Value::String(word)) if word == "succeeded");
            (reads(left) && says(right)) || (reads(right) && says(left))
        }
        _ => false,
    }
}

impl Typing for Place<'_, '_> {
    fn reference(&self, reference: &Reference, span: Span) -> Result<Type, Option<Finding>> {
        match reference {
            Reference::Input(name) => {
                let inputs = &self.context.document.inputs;
                inputs
                    .iter()
                    .find(|input| input.name.value == *name)
                    .map(|input| input.input.read_type())
                    .ok_or_else(|| {
                        let names = inputs.iter().map(|input| input.name.value.as_str());
                        let message =
                            format!("the workflow has no input `{name}`{}", did_you_mean(name, names));
                        Some(
                            Finding::new(Code::UnknownInput, span, message).help("declare it under `inputs`"),
                        )
                    })
            }
            Reference::Output { step, output } => self.output(step, output, span),
            Reference::Result { step } => {
                self.target(step, span)?;
                Ok(Type::Enum(Reference::results()))
            }
            Reference::Run(RunField::Status) if !matches!(self.step(), Some((Part::Finally, _))) => {
                let message = "`run.status` is known in `finally` only";
                let finding = Finding::new(Code::NotAvailable, span, message);
                Err(Some(finding.help("in the body, `steps.STEP.result` says how a step ended")))
            }
            Reference::Run(field) => Ok(field.ty()),
            Reference::Trigger(field) => Ok(field.ty()),
            Reference::Each(field) => match (&self.here, field) {
                (Here::With(_, _, Some(item)), EachField::Value) => Ok(item.clone()),
                (Here::With(_, _, Some(_)), EachField::Index) => Ok(field.ty()),
                (Here::Condition(..) | Here::ForEach(..), _) => {
                    let message = "`each` has no value yet: this is evaluated before the step is expanded";
                    Err(Some(Finding::new(Code::NotAvailable, span, message)))
                }
                _ => {
                    let message = "`each` is there only in `with` of a step with `for_each`";
                    Err(Some(Finding::new(Code::NotAvailable, span, message)))
                }
            },
        }
    }

    fn status(&self, function: StatusFunction, span: Span) -> Result<(), Finding> {
        if matches!(self.here, Here::Condition(..)) {
            return Ok(());
        }
        let message = format!("`{}()` stands only in `if`", function.name());
        Err(Finding::new(Code::NotAvailable, span, message))
    }
}
