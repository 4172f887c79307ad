//! The actions of the bench, one for each kind of step.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use engine_ports::{
    Action, ActionError, Begun, EffectRecord, Presence, StepContext, ToolCommand, UndoContext,
};
use serde_json::json;
use vocab::{
    ActionManifest, ActionRef, Caching, EffectSpec, Inputs, Isolation, IsolationRule, Outputs, Port, Type,
    Value, WaitKind,
};

/// All of them.
pub(crate) fn all() -> Vec<Arc<dyn Action>> {
    let never = Caching::Never;
    vec![
        Arc::new(Noop(manifest("bench/noop@v1", Caching::Auto))),
        Arc::new(Effect(ActionManifest {
            inputs: vec![Port::required("log", Type::String, "the file to which a line is appended")],
            effects: vec![EffectSpec { name: "line".to_owned(), doc: "a line of the file".to_owned() }],
            ..manifest("bench/effect@v1", never)
        })),
        Arc::new(Sh(manifest("bench/sh@v1", never))),
        Arc::new(Wait(ActionManifest {
            inputs: vec![
                Port::required("name", Type::String, "the event"),
                Port::optional("within", Type::String, "how long"),
            ],
            outputs: vec![Port::optional("payload", Type::Any, "what came with it")],
            wait: Some(WaitKind::Event),
            ..manifest("bench/wait@v1", never)
        })),
    ]
}

fn manifest(name: &str, caching: Caching) -> ActionManifest {
    let action: Result<ActionRef, _> = name.parse();
    ActionManifest {
        action: action.expect("the names above are sound"),
        summary: "A step of the bench".to_owned(),
        doc: "A step of the bench.".to_owned(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        isolation: IsolationRule::always(Isolation::Internal),
        caching,
        effects: Vec::new(),
        wait: None,
        tools: Vec::new(),
        example: String::new(),
    }
}

/// Nothing. It is pure, so that it may run ahead of the disk.
struct Noop(ActionManifest);

#[async_trait]
impl Action for Noop {
    fn manifest(&self) -> &ActionManifest {
        &self.0
    }

    async fn execute(&self, _: &StepContext, _: Inputs) -> Result<Outputs, ActionError> {
        Ok(Outputs::new())
    }
}

/// Appends the step's number and the time to a file.
struct Effect(ActionManifest);

#[async_trait]
impl Action for Effect {
    fn manifest(&self) -> &ActionManifest {
        &self.0
    }

    async fn execute(&self, ctx: &StepContext, inputs: Inputs) -> Result<Outputs, ActionError> {
        let Some(log) = inputs.get("log").and_then(Value::as_str) else {
            return Err(ActionError::permanent("`log` is no text"));
        };
        let path = ctx.path.to_string();
        let number = path.trim_start_matches('s');
        if let Begun::Fresh(guard) = ctx.begin("line", json!({ "log": log, "number": number })).await? {
            let line = format!("{number} {}\n", ctx.services.clock.now().as_millis());
            append(Path::new(log), &line)
                .map_err(|error| ActionError::permanent(format!("{log}: {error}")))?;
            guard.made(json!(number)).await?;
        }
        Ok(Outputs::new())
    }

    async fn probe(&self, _: &UndoContext, intent: &EffectRecord) -> Result<Presence, ActionError> {
        let (Some(log), Some(number)) = (intent.intent["log"].as_str(), intent.intent["number"].as_str())
        else {
            return Ok(Presence::Unknown);
        };
        let lines =
            fs::read_to_string(log).map_err(|error| ActionError::transient(format!("{log}: {error}")))?;
        let there = lines.lines().any(|line| line.split(' ').next() == Some(number));
        Ok(if there { Presence::Present(json!(number)) } else { Presence::Absent })
    }
}

/// In one write, so that lines of steps that run at once do not mix.
fn append(log: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(log)?.write_all(line.as_bytes())
}

/// `sh -c true`, under the shim as every tool.
struct Sh(ActionManifest);

#[async_trait]
impl Action for Sh {
    fn manifest(&self) -> &ActionManifest {
        &self.0
    }

    async fn execute(&self, ctx: &StepContext, _: Inputs) -> Result<Outputs, ActionError> {
        let command = ToolCommand::new("sh", &ctx.work).args(["-c", "true"]);
        let exit = ctx.services.tools.run(command, ctx.log.as_ref(), &ctx.cancel).await;
        let exit = exit.map_err(|error| ActionError::permanent(error.to_string()))?;
        if exit.code == Some(0) {
            return Ok(Outputs::new());
        }
        Err(ActionError::permanent(format!("`sh -c true` ended with {:?}", exit.code)))
    }
}

/// Never executed: the engine does the waiting.
struct Wait(ActionManifest);

#[async_trait]
impl Action for Wait {
    fn manifest(&self) -> &ActionManifest {
        &self.0
    }

    async fn execute(&self, ctx: &StepContext, _: Inputs) -> Result<Outputs, ActionError> {
        Err(ActionError::permanent(format!("{} waits and was executed", ctx.path)))
    }
}
