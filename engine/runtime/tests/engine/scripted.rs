//! The real actions' manifests with scripts behind them: same inputs, outputs and effects, and nothing real happens.

use std::sync::Arc;

use async_trait::async_trait;
use engine_ports::{
    Action, ActionError, Begun, EffectKey, EffectRecord, Presence, StepContext, UndoContext, UndoOutcome,
};
use serde_json::json;
use vocab::{ActionManifest, ArtifactKind, Digest, Inputs, Outputs, Type, Value};

use crate::oracle::{Who, Witness};
use crate::outside::Outside;

/// How a course goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// The step that fails, once all that it makes is made.
    pub(crate) fails: Option<String>,
}

/// Every action that is shipped, scripted.
pub(crate) fn all(script: &Script, outside: &Arc<Outside>, witness: &Arc<Witness>) -> Vec<Arc<dyn Action>> {
    let families = [
        steps_source::actions(),
        steps_host::actions(),
        steps_container::actions(),
        steps_registry::actions(),
    ];
    let scripted = families.into_iter().flatten().map(|real| -> Arc<dyn Action> {
        Arc::new(Scripted {
            manifest: real.manifest().clone(),
            script: script.clone(),
            outside: Arc::clone(outside),
            witness: Arc::clone(witness),
        })
    });
    scripted.collect()
}

struct Scripted {
    manifest: ActionManifest,
    script: Script,
    outside: Arc<Outside>,
    witness: Arc<Witness>,
}

impl Scripted {
    async fn output(&self, ctx: &StepContext, ty: &Type) -> Result<Value, ActionError> {
        Ok(match ty {
            Type::Integer | Type::Number => 1.into(),
            Type::Boolean => true.into(),
            Type::Enum(words) => words[0].as_str().into(),
            Type::List(_) => Value::List(Vec::new()),
            Type::Map(_) | Type::Object(_) => Value::Map(std::collections::BTreeMap::new()),
            Type::Digest => Digest::of(ctx.path.to_string()).to_string().into(),
            Type::Duration => "1s".into(),
            Type::Artifact(kind) => self.artifact(ctx, *kind).await?,
            Type::Nullable(_) => Value::Null,
            Type::String | Type::Secret | Type::Size | Type::Any => "1".into(),
        })
    }

    /// An artifact that differs from step to step, and not from attempt to attempt.
    async fn artifact(&self, ctx: &StepContext, kind: ArtifactKind) -> Result<Value, ActionError> {
        let content = std::io::Cursor::new(format!("{kind:?} of {}", ctx.path).into_bytes());
        let put = ctx.services.artifacts.put_stream(&ctx.owner(), kind, Box::pin(content)).await;
        Ok(put.map_err(|error| ActionError::transient(error.to_string()))?.into())
    }
}

#[async_trait]
impl Action for Scripted {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    async fn execute(&self, ctx: &StepContext, _: Inputs) -> Result<Outputs, ActionError> {
        let who = Who { run: ctx.run, step: &ctx.path, attempt: ctx.attempt };
        self.witness.start(&who, self.manifest.may_run_ahead());
        for effect in &self.manifest.effects {
            let thing = format!("{}/{}/{}", ctx.run, ctx.path, effect.name);
            if let Begun::Fresh(guard) = ctx.begin(&effect.name, json!({ "thing": thing })).await? {
                self.outside.make(&thing);
                self.witness.made(&who, &thing);
                guard.made(json!(thing)).await?;
            }
        }
        if self.script.fails.as_deref() == Some(ctx.path.root()) {
            return Err(ActionError::permanent("it had to fail"));
        }
        let mut outputs = Outputs::new();
        for port in self.manifest.outputs.iter().filter(|port| port.required) {
            outputs.insert(port.name.clone(), self.output(ctx, &port.ty).await?);
        }
        Ok(outputs)
    }

    async fn probe(&self, _: &UndoContext, intent: &EffectRecord) -> Result<Presence, ActionError> {
        let thing = intent.key.to_string();
        Ok(if self.outside.has(&thing) { Presence::Present(json!(thing)) } else { Presence::Absent })
    }

    async fn compensate(&self, _: &UndoContext, effect: &EffectRecord) -> Result<UndoOutcome, ActionError> {
        let thing = effect.key.to_string();
        // It may be the second try of one that nobody heard of.
        if self.outside.has(&thing) {
            self.outside.unmake(&thing);
            let EffectKey { run, path, .. } = &effect.key;
            self.witness.undone(&Who { run: *run, step: path, attempt: effect.attempt }, &thing);
        }
        Ok(UndoOutcome::Undone)
    }
}
