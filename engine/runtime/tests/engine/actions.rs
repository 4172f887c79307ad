//! Actions that do as their inputs say.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine_ports::{
    Action, ActionError, Begun, EffectKey, EffectRecord, Fingerprint, LogStream, Presence, RunStore as _,
    StepContext, UndoContext, UndoOutcome,
};
use serde_json::json;
use vocab::{
    ActionManifest, ArtifactKind, Caching, EffectSpec, EffectState, ErrorClass, Inputs, Isolation,
    IsolationRule, Outputs, Port, SecretRef, Type, Value, WaitKind,
};

use crate::faults::Faulty;
use crate::oracle::{Who, Witness};
use crate::outside::Outside;

fn manifest(name: &str) -> ActionManifest {
    ActionManifest {
        action: name.parse().unwrap(),
        summary: "a test".to_owned(),
        doc: "A test.".to_owned(),
        inputs: vec![
            Port::with_default("act", Type::String, "ok", "what to do"),
            Port::optional("after", Type::Any, "anything"),
        ],
        outputs: vec![Port::required("word", Type::String, "what was done")],
        isolation: IsolationRule::always(Isolation::Internal),
        caching: Caching::Never,
        effects: Vec::new(),
        wait: None,
        tools: Vec::new(),
        example: String::new(),
    }
}

fn text<'a>(inputs: &'a Inputs, name: &str) -> &'a str {
    inputs.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn word(text: &str) -> Outputs {
    Outputs::from([("word".to_owned(), text.into())])
}

const fn who(ctx: &StepContext) -> Who<'_> {
    Who { run: ctx.run, step: &ctx.path, attempt: ctx.attempt }
}

/// Waits until the attempt must stop.
async fn until_stopped(ctx: &StepContext) -> ActionError {
    ctx.cancel.cancelled().await;
    ActionError::transient("stopped")
}

pub(crate) fn all(
    outside: &Arc<Outside>,
    witness: &Arc<Witness>,
    store: &Arc<Faulty>,
) -> Vec<Arc<dyn Action>> {
    let (outside, witness) = (|| Arc::clone(outside), || Arc::clone(witness));
    vec![
        Arc::new(Plain { manifest: manifest("test/plain@v1"), outside: outside(), witness: witness() }),
        Arc::new(Make {
            manifest: ActionManifest {
                effects: vec![EffectSpec { name: "thing".to_owned(), doc: "a thing".to_owned() }],
                ..manifest("test/make@v1")
            },
            outside: outside(),
            witness: witness(),
            store: Arc::clone(store),
        }),
        Arc::new(Pure {
            manifest: ActionManifest {
                caching: Caching::Auto,
                outputs: vec![
                    Port::required("word", Type::String, "what was done"),
                    Port::required("report", Type::Artifact(ArtifactKind::Report), "a file"),
                    Port::required("note", Type::nullable(Type::String), "what is worth a word"),
                ],
                ..manifest("test/pure@v1")
            },
            outside: outside(),
            witness: witness(),
        }),
        waits("test/time@v1", WaitKind::Time),
        waits("test/event@v1", WaitKind::Event),
        waits("test/ask@v1", WaitKind::Decision),
        waits("test/call@v1", WaitKind::Run),
        Arc::new(Plain {
            manifest: ActionManifest {
                isolation: IsolationRule::always(Isolation::None),
                ..manifest("test/host@v1")
            },
            outside: outside(),
            witness: witness(),
        }),
    ]
}

/// Never executed: the engine does the waiting.
struct Waits(ActionManifest);

fn waits(name: &str, kind: WaitKind) -> Arc<dyn Action> {
    let any = |name: &str| Port::optional(name, Type::Any, "anything");
    let inputs = ["for", "name", "within", "approvers", "quorum", "expires", "workflow", "inputs"];
    Arc::new(Waits(ActionManifest {
        inputs: inputs.map(any).into(),
        outputs: ["payload", "approved_by", "run", "outputs"].map(any).into(),
        wait: Some(kind),
        ..manifest(name)
    }))
}

#[async_trait]
impl Action for Waits {
    fn manifest(&self) -> &ActionManifest {
        &self.0
    }

    async fn execute(&self, _: &StepContext, _: Inputs) -> Result<Outputs, ActionError> {
        panic!("a step that waits was given to a worker")
    }
}

/// No effects, no cache.
struct Plain {
    manifest: ActionManifest,
    outside: Arc<Outside>,
    witness: Arc<Witness>,
}

#[async_trait]
impl Action for Plain {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    async fn execute(&self, ctx: &StepContext, inputs: Inputs) -> Result<Outputs, ActionError> {
        let act = text(&inputs, "act");
        self.outside.note(format!("ran {} {}", ctx.path, ctx.attempt));
        self.witness.start(&who(ctx), self.manifest.may_run_ahead());
        match act {
            "fail" => Err(ActionError::permanent("it had to fail").help("do not ask for it")),
            "once" if self.outside.attempts(&ctx.path) < 2 => {
                Err(ActionError::permanent("not the first time"))
            }
            "flaky" if ctx.attempt < 3 => Err(ActionError::transient("not yet")),
            "wait" => Err(until_stopped(ctx).await),
            "wait_once" if ctx.attempt == 1 => {
                let stopped = until_stopped(ctx).await;
                self.outside.note(format!("stopped {} 1", ctx.path));
                Err(stopped)
            }
            "late" if ctx.attempt == 1 => {
                self.outside.until("go").await;
                self.outside.note("reports late".to_owned());
                Ok(word("too late"))
            }
            "deaf" => {
                // Finishes what it does before it looks at the cancel.
                ctx.cancel.cancelled().await;
                Ok(word("done all the same"))
            }
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok(word("slept"))
            }
            "panic" => panic!("a bug in the action"),
            "wrong" => Ok(Outputs::from([("word".to_owned(), 1.into())])),
            "fill" => {
                std::fs::write(ctx.work.join("big"), vec![1; 4 << 20]).unwrap();
                Err(until_stopped(ctx).await)
            }
            "secret" => {
                let name = SecretRef("deploy".to_owned());
                let secret = ctx.services.secrets.get(&ctx.tenant, &name).await.unwrap();
                ctx.log.line(LogStream::Stdout, &format!("the secret is {}", secret.expose()));
                Err(ActionError::permanent(format!("cannot log in with {}", secret.expose())))
            }
            "tell_secret" => {
                let name = SecretRef("deploy".to_owned());
                let secret = ctx.services.secrets.get(&ctx.tenant, &name).await.unwrap();
                Ok(word(&format!("https://me:{}@host/", secret.expose())))
            }
            "folder" => {
                let empty = std::fs::read_dir(&ctx.work).unwrap().count() == 0;
                std::fs::write(ctx.work.join("left"), "x").unwrap();
                self.outside.note(format!("folder {} empty {empty}", ctx.work.display()));
                Ok(word("used"))
            }
            other => Ok(word(other)),
        }
    }
}

/// Makes a thing outside, named after its run and step.
struct Make {
    manifest: ActionManifest,
    outside: Arc<Outside>,
    witness: Arc<Witness>,
    store: Arc<Faulty>,
}

impl Make {
    /// Makes the thing, and notes it when the journal on the disk does not hold the intent.
    async fn make(&self, ctx: &StepContext, thing: &str) {
        let journal = self.store.effects(ctx.run).await.unwrap();
        if !journal.iter().any(|record| record.key.path == ctx.path && record.state == EffectState::Intended)
        {
            self.outside.note(format!("made {thing} without an intent"));
        }
        self.outside.make(thing);
        self.witness.made(&who(ctx), &format!("{}/{}/thing", ctx.run, ctx.path));
    }
}

#[async_trait]
impl Action for Make {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    async fn execute(&self, ctx: &StepContext, inputs: Inputs) -> Result<Outputs, ActionError> {
        let act = text(&inputs, "act");
        let thing = ctx.path.to_string();
        self.outside.note(format!("ran {} {}", ctx.path, ctx.attempt));
        self.witness.start(&who(ctx), self.manifest.may_run_ahead());
        if act == "undeclared" {
            let refused = ctx.begin("other", json!({})).await.err().unwrap();
            return Err(refused.into());
        }
        if act == "late" && ctx.attempt == 1 {
            self.outside.until("go").await;
            let refused = ctx.begin("thing", json!({ "thing": thing, "act": act })).await.err();
            self.outside.note(format!("begin refused: {}", refused.is_some()));
            return Err(ActionError::transient("too late"));
        }
        let mut about = json!({ "thing": thing, "act": act });
        let mut handle = json!(thing);
        if let Some(place) = act.strip_prefix("secret_in_") {
            let name = SecretRef("deploy".to_owned());
            let secret = ctx.services.secrets.get(&ctx.tenant, &name).await.unwrap();
            let told = json!({ "url": format!("https://me:{}@host/", secret.expose()) });
            let target = if place == "intent" { &mut about["more"] } else { &mut handle };
            *target = json!([told]);
        }
        match ctx.begin("thing", about).await? {
            Begun::Made(record) => self.outside.note(format!("adopted {}", record.handle.unwrap())),
            Begun::Fresh(guard) => {
                if ["vanish", "bloat", "mute"].contains(&act) && ctx.attempt == 1 {
                    // Made, and the attempt ends before it can say so.
                    self.make(ctx, &thing).await;
                    return Err(ActionError::transient("cut off"));
                }
                if act == "forget" && ctx.attempt == 1 {
                    return Err(ActionError::transient("cut off before it was made"));
                }
                self.make(ctx, &thing).await;
                guard.made(handle).await?;
            }
        }
        match act {
            "then_fail" => Err(ActionError::permanent("failed after it was made")),
            "then_wait_once" if ctx.attempt == 1 => Err(until_stopped(ctx).await),
            "then_wait" => Err(until_stopped(ctx).await),
            _ => Ok(word(&thing)),
        }
    }

    async fn probe(&self, _: &UndoContext, intent: &EffectRecord) -> Result<Presence, ActionError> {
        let thing = intent.intent["thing"].as_str().unwrap();
        self.outside.note(format!("probed {thing}"));
        if intent.intent["act"] == "mute" {
            return Ok(Presence::Unknown);
        }
        if intent.intent["act"] == "bloat" {
            return Ok(Presence::Present(json!("x".repeat(100_000))));
        }
        Ok(if self.outside.has(thing) { Presence::Present(json!(thing)) } else { Presence::Absent })
    }

    async fn compensate(&self, _: &UndoContext, effect: &EffectRecord) -> Result<UndoOutcome, ActionError> {
        let thing = effect.intent["thing"].as_str().unwrap();
        if effect.intent["act"] == "sticky" {
            self.outside.note(format!("could not unmake {thing}"));
            return Err(ActionError::new(ErrorClass::Permanent, "it is glued on").help("use a hammer"));
        }
        if effect.intent["act"] == "stubborn" && self.outside.count(&format!("could not unmake {thing}")) < 5
        {
            self.outside.note(format!("could not unmake {thing}"));
            return Err(ActionError::transient("it does not go away yet"));
        }
        self.outside.unmake(thing);
        let EffectKey { run, path, .. } = &effect.key;
        let who = Who { run: *run, step: path, attempt: effect.attempt };
        self.witness.undone(&who, &effect.key.to_string());
        if effect.intent["act"] == "moved" {
            return Ok(UndoOutcome::Superseded("x".repeat(100_000)));
        }
        Ok(UndoOutcome::Undone)
    }
}

/// Pure, cached, with an artifact.
struct Pure {
    manifest: ActionManifest,
    outside: Arc<Outside>,
    witness: Arc<Witness>,
}

#[async_trait]
impl Action for Pure {
    fn manifest(&self) -> &ActionManifest {
        &self.manifest
    }

    async fn fingerprint(&self, _: &StepContext, inputs: &Inputs) -> Result<Fingerprint, ActionError> {
        Ok(match text(inputs, "act") {
            "unknown" => Fingerprint::Unknown("nobody knows what it reads".to_owned()),
            "outside" => Fingerprint::Of("what it saw".to_owned()),
            _ => Fingerprint::Nothing,
        })
    }

    async fn execute(&self, ctx: &StepContext, inputs: Inputs) -> Result<Outputs, ActionError> {
        self.outside.note(format!("ran {} {}", ctx.path, ctx.attempt));
        self.witness.start(&who(ctx), self.manifest.may_run_ahead());
        if let Some(Fingerprint::Of(seen)) = &ctx.fingerprint {
            self.outside.note(format!("reads {seen}"));
        }
        let file = ctx.work.join("report");
        std::fs::write(&file, text(&inputs, "act")).unwrap();
        let artifacts = &ctx.services.artifacts;
        let report = artifacts.put_file(&ctx.owner(), ArtifactKind::Report, &file).await;
        let report = report.map_err(|error| ActionError::transient(error.to_string()))?;
        let mut outputs = word("computed");
        outputs.insert("report".to_owned(), report.into());
        match text(&inputs, "act") {
            "silent" => {}
            "large" => {
                outputs.insert("note".to_owned(), "large ".repeat(20_000).into());
            }
            _ => {
                outputs.insert("note".to_owned(), Value::Null);
            }
        }
        Ok(outputs)
    }
}
