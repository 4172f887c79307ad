//! What events about step instances change, and how an end reaches the steps that wait for it.

use lang::OnFailure;
use vocab::{Outputs, StepPath, StepStatus, Timestamp, Value};

use super::facts::{InstanceFacts, Settling, Slot, Timer};
use super::state::RunState;
use super::wait::{Vote, Waiting};
use super::{Decided, Event, EventKind, Halt, IllegalTransition, NotReached, RunPhase, StepPhase, next_step};

impl RunState {
    pub(crate) fn apply_to_step(
        &mut self,
        seq: u64,
        at: Timestamp,
        event: &Event,
    ) -> Result<(), IllegalTransition> {
        let kind = event.kind();
        match event {
            Event::StepExpanded { path, each } => {
                let (slot, _) = self.step_to(path, kind)?;
                if slot.instance.is_some() {
                    return Err(self.step_misfit(slot, kind));
                }
                self.expand(slot, each, at);
            }
            Event::StepSkipped { path, decided, .. } => {
                let (slot, _) = self.step_to(path, kind)?;
                if (self.instance(slot).phase == StepPhase::Paused) != decided.is_some() {
                    return Err(self.step_misfit(slot, kind));
                }
                self.decided(slot, decided.as_ref());
                self.finish(slot, StepStatus::Skipped, at);
            }
            Event::StepNotReached { path, because } => {
                let (slot, _) = self.step_to(path, kind)?;
                if let NotReached::Halted(_) = because {
                    self.leave_ready(slot);
                }
                self.finish(slot, StepStatus::NotReached, at);
            }
            Event::StepReady { path, inputs, timeout_millis } => {
                let (slot, phase) = self.step_to(path, kind)?;
                let instance = self.instance_mut(slot);
                instance.phase = phase;
                instance.inputs.clone_from(inputs);
                instance.timeout_millis = *timeout_millis;
                instance.ready_at = Some(at);
                self.enter_ready(slot);
            }
            Event::StepWaiting { path, attempt, wait } => {
                let (slot, phase) = self.step_to(path, kind)?;
                if *attempt != self.instance(slot).attempt + 1 {
                    return Err(self.step_misfit(slot, kind));
                }
                self.leave_ready(slot);
                self.facts.waiting.insert(slot);
                self.facts.timers.extend(wait.due().map(|due| (due, Timer::Wait(slot))));
                let instance = self.instance_mut(slot);
                instance.phase = phase;
                instance.attempt = *attempt;
                instance.started_at.get_or_insert(at);
                instance.waiting = Some(Waiting { wait: wait.clone(), votes: Vec::new() });
                self.mark_step(slot);
            }
            Event::Voted { path, by, agrees, .. } => {
                let (slot, _) = self.step_to(path, kind)?;
                let vote = Vote { by: by.clone(), agrees: *agrees };
                if let Some(waiting) = &mut self.instance_mut(slot).waiting {
                    waiting.votes.push(vote);
                }
                self.mark_step(slot);
            }
            Event::WaitEnded { path, outputs, .. } => {
                let (slot, _) = self.step_to(path, kind)?;
                self.stop_waiting(slot);
                self.instance_mut(slot).outputs.clone_from(outputs);
                self.finish(slot, StepStatus::Succeeded, at);
            }
            Event::WaitFailed { path, error, timed_out } => {
                let (slot, phase) = self.step_to(path, kind)?;
                self.stop_waiting(slot);
                let instance = self.instance_mut(slot);
                instance.failures += 1;
                instance.phase = phase;
                instance.settling = Some(Settling::Failed { error: error.clone(), timed_out: *timed_out });
                self.mark_step(slot);
            }
            Event::AttemptStarted { path, attempt, worker } => {
                let (slot, phase) = self.step_to(path, kind)?;
                if *attempt != self.instance(slot).attempt + 1 {
                    return Err(self.step_misfit(slot, kind));
                }
                self.leave_ready(slot);
                self.facts.running.insert(slot);
                self.facts.steps[slot.step as usize].running += 1;
                let instance = self.instance_mut(slot);
                instance.phase = phase;
                instance.attempt = *attempt;
                instance.token = seq;
                instance.worker = Some(*worker);
                instance.started_at.get_or_insert(at);
            }
            Event::AttemptSucceeded { path, attempt, token, outputs, cached, key: _ } => {
                let (slot, _) = self.attempt_to(path, *attempt, *token, kind)?;
                self.stop_running(slot);
                let instance = self.instance_mut(slot);
                instance.outputs.clone_from(outputs);
                instance.cached.clone_from(cached);
                self.finish(slot, StepStatus::Succeeded, at);
            }
            Event::AttemptFailed { path, attempt, token, error, timed_out } => {
                let (slot, phase) = self.attempt_to(path, *attempt, *token, kind)?;
                self.instance_mut(slot).failures += 1;
                let how = Settling::Failed { error: error.clone(), timed_out: *timed_out };
                self.settle_attempt(slot, phase, how);
            }
            Event::AttemptLost { path, attempt, token } => {
                let (slot, phase) = self.attempt_to(path, *attempt, *token, kind)?;
                self.instance_mut(slot).losses += 1;
                self.settle_attempt(slot, phase, Settling::Lost);
            }
            Event::AttemptCancelled { path, attempt, token } => {
                let (slot, phase) = self.attempt_to(path, *attempt, *token, kind)?;
                // Without a halt nobody asked for it: the attempt is as good as lost.
                self.instance_mut(slot).losses += 1;
                self.settle_attempt(slot, phase, Settling::Cancelled);
            }
            Event::RetryScheduled { path, at: due, .. } => {
                let (slot, phase) = self.step_to(path, kind)?;
                let instance = self.instance_mut(slot);
                instance.phase = phase;
                instance.settling = None;
                instance.retry_at = Some(*due);
                self.facts.timers.insert((*due, Timer::Retry(slot)));
                self.mark_step(slot);
            }
            Event::RetryDue { path, .. } => {
                let (slot, phase) = self.step_to(path, kind)?;
                self.drop_retry(slot);
                self.instance_mut(slot).phase = phase;
                self.enter_ready(slot);
            }
            Event::StepFailed { path, error, allowed, timed_out, decided } => {
                let (slot, _) = self.step_to(path, kind)?;
                self.facts.awaiting.remove(&slot);
                self.leave_ready(slot);
                let continues = self.plan.step(slot.step).on_failure == OnFailure::Continue;
                let instance = self.instance_mut(slot);
                instance.error = Some(error.clone());
                instance.allowed = *allowed;
                instance.disowned = *allowed || continues;
                instance.decided.clone_from(decided);
                self.finish(slot, if *timed_out { StepStatus::TimedOut } else { StepStatus::Failed }, at);
            }
            Event::StepPaused { path, error, timed_out } => {
                let (slot, phase) = self.step_to(path, kind)?;
                self.facts.awaiting.insert(slot);
                self.leave_ready(slot);
                let instance = self.instance_mut(slot);
                instance.phase = phase;
                instance.error = Some(error.clone());
                instance.settling = Some(Settling::Failed { error: error.clone(), timed_out: *timed_out });
                // A person has all the time there is; what nobody knows of its effects is found out meanwhile.
                self.mark_effects_of(slot);
                self.mark_step(slot);
            }
            Event::StepRetried { path, decided } => {
                let (slot, phase) = self.step_to(path, kind)?;
                if self.instance(slot).ready_at.is_none() {
                    return Err(self.step_misfit(slot, kind));
                }
                self.decided(slot, Some(decided));
                let instance = self.instance_mut(slot);
                instance.disowned = false;
                instance.error = None;
                (instance.failures, instance.losses) = (0, 0);
                instance.phase = phase;
                instance.settling = Some(Settling::Retried);
                self.mark_effects_of(slot);
                self.mark_step(slot);
            }
            Event::StepBypassed { path, outputs, decided } => {
                let (slot, _) = self.step_to(path, kind)?;
                self.decided(slot, Some(decided));
                self.instance_mut(slot).outputs.clone_from(outputs);
                self.finish(slot, StepStatus::Succeeded, at);
            }
            Event::StepTakenOver { path, outputs, skipped, from, decided } => {
                let (slot, _) = self.step_to(path, kind)?;
                let instance = self.instance_mut(slot);
                instance.outputs.clone_from(outputs);
                instance.taken_over = Some(from.clone());
                instance.decided.clone_from(decided);
                self.finish(slot, if *skipped { StepStatus::Skipped } else { StepStatus::Succeeded }, at);
            }
            Event::StepCancelled { path, because } => {
                let (slot, _) = self.step_to(path, kind)?;
                self.facts.awaiting.remove(&slot);
                self.stop_waiting(slot);
                self.leave_ready(slot);
                self.drop_retry(slot);
                let status = match because {
                    Halt::Cancelled | Halt::Sibling => StepStatus::Cancelled,
                    Halt::Deadline => StepStatus::TimedOut,
                };
                self.finish(slot, status, at);
            }
            _ => return Err(IllegalTransition::Missing { event: kind, subject: "no step".to_owned() }),
        }
        Ok(())
    }

    /// Where an event about the step instance at `path` leads.
    fn step_to(&self, path: &StepPath, event: EventKind) -> Result<(Slot, StepPhase), IllegalTransition> {
        let missing = || IllegalTransition::Missing { event, subject: format!("step `{path}`") };
        let slot = self.slot(path).ok_or_else(missing)?;
        let part = if self.plan.in_finally(slot.step) { RunPhase::Finalizing } else { RunPhase::Body };
        // What is taken over, and the lists that go with it, is there before anything starts.
        let before = self.facts.phase == RunPhase::Queued && part == RunPhase::Body;
        let fits = match event {
            EventKind::StepTakenOver => before,
            EventKind::StepExpanded => before || self.facts.phase == part,
            _ => self.facts.phase == part,
        };
        if !fits {
            return Err(self.step_misfit(slot, event));
        }
        let phase = next_step(self.instance(slot).phase, event);
        phase.map(|phase| (slot, phase)).ok_or_else(|| self.step_misfit(slot, event))
    }

    /// Where the report of an attempt leads, if the attempt holds its lease.
    fn attempt_to(
        &self,
        path: &StepPath,
        attempt: u32,
        token: u64,
        event: EventKind,
    ) -> Result<(Slot, StepPhase), IllegalTransition> {
        let (slot, phase) = self.step_to(path, event)?;
        let instance = self.instance(slot);
        if (instance.attempt, instance.token) == (attempt, token) {
            return Ok((slot, phase));
        }
        let subject = format!("step `{path}`");
        Err(IllegalTransition::Stale { event, subject, held: instance.token, found: token })
    }

    fn step_misfit(&self, slot: Slot, event: EventKind) -> IllegalTransition {
        let subject = format!("step `{}` of a run that is {}", self.path(slot), self.facts.phase.name());
        IllegalTransition::Phase { event, subject, from: self.instance(slot).phase.name() }
    }

    /// The facts of the instance, to be changed and so to be written.
    fn instance_mut(&mut self, slot: Slot) -> &mut InstanceFacts {
        self.changed.steps.insert(slot);
        self.bookkeeping(slot)
    }

    /// The facts of the instance, for changes that no row shows.
    pub(crate) fn bookkeeping(&mut self, slot: Slot) -> &mut InstanceFacts {
        let step = &mut self.facts.steps[slot.step as usize];
        match slot.instance.and_then(|number| step.instances.get_mut(number as usize)) {
            Some(instance) => instance,
            None => &mut step.own,
        }
    }

    pub(crate) fn mark_step(&mut self, slot: Slot) {
        self.dirty.steps.insert(slot);
    }

    fn enter_ready(&mut self, slot: Slot) {
        self.mark_step(slot);
        if self.plan.action(slot.step).wait.is_some() {
            return;
        }
        self.facts.steps[slot.step as usize].ready.insert(slot.instance.unwrap_or(0));
        self.facts.ready.insert(slot.step);
    }

    fn leave_ready(&mut self, slot: Slot) {
        let step = &mut self.facts.steps[slot.step as usize];
        step.ready.remove(&slot.instance.unwrap_or(0));
        if step.ready.is_empty() {
            self.facts.ready.remove(&slot.step);
        }
    }

    fn stop_running(&mut self, slot: Slot) {
        self.facts.running.remove(&slot);
        self.facts.steps[slot.step as usize].running -= 1;
        self.instance_mut(slot).worker = None;
        self.mark_effects_of(slot);
    }

    fn settle_attempt(&mut self, slot: Slot, phase: StepPhase, how: Settling) {
        self.stop_running(slot);
        let instance = self.instance_mut(slot);
        instance.phase = phase;
        instance.settling = Some(how);
        self.mark_step(slot);
    }

    fn stop_waiting(&mut self, slot: Slot) {
        if !self.facts.waiting.remove(&slot) {
            return;
        }
        let waiting = self.instance_mut(slot).waiting.take();
        if let Some(due) = waiting.and_then(|waiting| waiting.wait.due()) {
            self.facts.timers.remove(&(due, Timer::Wait(slot)));
        }
        self.mark_effects_of(slot);
    }

    /// A person decided about the paused step: what its attempts made is not what the run goes on with.
    fn decided(&mut self, slot: Slot, decided: Option<&Decided>) {
        let Some(decided) = decided else { return };
        self.facts.awaiting.remove(&slot);
        let instance = self.instance_mut(slot);
        instance.disowned = true;
        instance.decided = Some(decided.clone());
    }

    fn drop_retry(&mut self, slot: Slot) {
        if let Some(due) = self.instance_mut(slot).retry_at.take() {
            self.facts.timers.remove(&(due, Timer::Retry(slot)));
        }
    }

    fn expand(&mut self, slot: Slot, each: &[Value], at: Timestamp) {
        self.instance_mut(slot).phase = StepPhase::Expanded;
        let step = &mut self.facts.steps[slot.step as usize];
        step.instances = each.iter().cloned().map(InstanceFacts::pending).collect();
        let count = u32::try_from(each.len()).unwrap_or(u32::MAX);
        step.open = count;
        step.own.started_at = Some(at);
        self.facts.instances += u64::from(count);
        for number in 0..count {
            let instance = Slot { step: slot.step, instance: Some(number) };
            self.mark_step(instance);
            self.changed.steps.insert(instance);
        }
        if count == 0 {
            self.finish_expanded(slot.step, at);
        }
    }

    /// Ends a step instance, and with its last instance the step.
    fn finish(&mut self, slot: Slot, status: StepStatus, at: Timestamp) {
        let instance = self.instance_mut(slot);
        instance.phase = StepPhase::Ended;
        instance.end = Some(status);
        instance.finished_at = Some(at);
        instance.settling = None;
        instance.inputs.clear();
        self.mark_effects_of(slot);
        if !self.instance(slot).satisfies() && matches!(status, StepStatus::Failed | StepStatus::TimedOut) {
            let first = if self.plan.in_finally(slot.step) {
                &mut self.facts.first_finally_failure
            } else {
                &mut self.facts.first_failure
            };
            first.get_or_insert(slot);
            let step = self.plan.step(slot.step);
            let (undoes, halts) = (step.on_failure != OnFailure::Continue, step.fail_fast);
            self.facts.must_undo |= undoes && !self.plan.in_finally(slot.step);
            if halts && slot.instance.is_some() {
                self.halt_instances(slot.step);
            }
        }
        if slot.instance.is_none() {
            return self.tell_followers(slot.step);
        }
        let step = &mut self.facts.steps[slot.step as usize];
        step.open -= 1;
        if step.open == 0 {
            self.finish_expanded(slot.step, at);
        }
    }

    /// One instance failed, and the others are not to go on.
    fn halt_instances(&mut self, step: u32) {
        let facts = &mut self.facts.steps[step as usize];
        facts.halted = true;
        let instances = u32::try_from(facts.instances.len()).unwrap_or(u32::MAX);
        self.dirty.steps.extend((0..instances).map(|number| Slot { step, instance: Some(number) }));
    }

    /// Sums up the instances: the worst end, and lists of outputs in the order of expansion.
    fn finish_expanded(&mut self, step: u32, at: Timestamp) {
        let facts = &self.facts.steps[step as usize];
        let has = |end| facts.instances.iter().any(|instance| instance.end == Some(end));
        let worst = [StepStatus::Failed, StepStatus::TimedOut, StepStatus::Cancelled, StepStatus::NotReached];
        let status = worst.into_iter().find(|end| has(*end)).unwrap_or(StepStatus::Succeeded);
        // An allowed failure lets others go on, and is a failure all the same: whoever asks for the result sees it.
        let allowed = status != StepStatus::Succeeded && facts.instances.iter().all(InstanceFacts::satisfies);
        let mut outputs = Outputs::new();
        if status == StepStatus::Succeeded {
            for port in &self.plan.action(step).outputs {
                let item =
                    |instance: &InstanceFacts| instance.outputs.get(&port.name).cloned().unwrap_or_default();
                let list = facts.instances.iter().map(item).collect();
                outputs.insert(port.name.clone(), Value::List(list));
            }
        }
        let own = self.instance_mut(Slot::of_step(step));
        own.phase = StepPhase::Ended;
        own.end = Some(status);
        own.allowed = allowed;
        own.outputs = outputs;
        own.finished_at = Some(at);
        self.tell_followers(step);
    }

    /// A step has ended: whoever waits for it comes a step nearer.
    fn tell_followers(&mut self, step: u32) {
        let open =
            if self.plan.in_finally(step) { &mut self.facts.finally_open } else { &mut self.facts.body_open };
        *open -= 1;
        let facts = &self.facts.steps[step as usize];
        let own = &facts.own;
        let satisfies = own.satisfies();
        let skipped = own.end == Some(StepStatus::Skipped);
        let failed = matches!(own.end, Some(StepStatus::Failed | StepStatus::TimedOut)) && !satisfies;
        let failed_above = failed || facts.failed_above;
        if self.plan.step(step).pivot && own.end == Some(StepStatus::Succeeded) {
            self.commit_pivot();
        }
        let plan = std::sync::Arc::clone(&self.plan);
        for follower in plan.followers(step) {
            let facts = &mut self.facts.steps[follower as usize];
            facts.needs_open -= 1;
            facts.need_ran |= !skipped;
            facts.failed_above |= failed_above;
            if !satisfies {
                facts.unmet = Some(facts.unmet.map_or(step, |unmet| unmet.min(step)));
            }
            if facts.needs_open == 0 {
                self.mark_step(Slot::of_step(follower));
            }
        }
    }
}
