//! A process that judges runs by what their actions wrote down themselves, and shares no code with the engine.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use engine_ports::RunStore as _;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use vocab::{RunId, StepPath};

use crate::world::World;

/// The log to which actions append what they do. It outlives every crash of the engine.
pub(crate) struct Witness {
    path: PathBuf,
    file: File,
}

/// Who writes: a step's attempt.
pub(crate) struct Who<'a> {
    pub(crate) run: RunId,
    pub(crate) step: &'a StepPath,
    pub(crate) attempt: u32,
}

impl Witness {
    pub(crate) fn below(folder: &Path) -> Self {
        let path = folder.join("witness.log");
        let file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        Self { path, file }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.file.metadata().unwrap().len() == 0
    }

    /// An attempt starts. What is `pure` may start before that is durable, and so once more after a crash.
    pub(crate) fn start(&self, who: &Who<'_>, pure: bool) {
        self.append("start", who, None, pure);
    }

    pub(crate) fn made(&self, who: &Who<'_>, key: &str) {
        self.append("made", who, Some(key), false);
    }

    pub(crate) fn undone(&self, who: &Who<'_>, key: &str) {
        self.append("undone", who, Some(key), false);
    }

    /// One line, whole. What changes the outside is on the disk before it returns, as the outside itself would be.
    fn append(&self, what: &str, who: &Who<'_>, key: Option<&str>, pure: bool) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let Who { run, step, attempt } = who;
        let line = json!({ "id": id, "what": what, "run": run, "step": step, "attempt": attempt, "key": key, "pure": pure });
        (&self.file).write_all(format!("{line}\n").as_bytes()).unwrap();
        if key.is_some() {
            self.file.sync_data().unwrap();
        }
    }
}

/// What a workflow says of one of its steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) needs: Vec<String>,
    pub(crate) pivot: bool,
    pub(crate) finally: bool,
    /// What it makes stays whatever happens.
    pub(crate) keeps: bool,
}

/// What the engine says in public about a run that has ended.
pub(crate) async fn outcome(world: &World, run: RunId, said: impl Fn(&str) -> Said) -> Json {
    let row = world.store.run_any_tenant(run).await.unwrap().unwrap();
    let steps = world.steps(run).await.into_iter().map(|step| {
        let Said { needs, pivot, finally, keeps } = said(step.path.root());
        json!({
            "path": step.path, "status": step.status.to_string(), "needs": needs, "pivot": pivot,
            "finally": finally, "keeps": keeps,
        })
    });
    let steps: Vec<_> = steps.collect();
    let events = world.store.events(run, 0, 10_000).await.unwrap();
    let successes: Vec<_> = events
        .iter()
        .filter(|event| event.kind == "attempt_succeeded")
        .map(|event| {
            let of = &event.payload;
            json!({ "path": of["path"], "attempt": of["attempt"], "cached": !of["cached"].is_null() })
        })
        .collect();
    let effects = world.effects(run).await;
    let effects: Vec<_> = effects
        .iter()
        .map(|effect| json!({ "key": effect.key.to_string(), "state": effect.state.to_string() }))
        .collect();
    json!({
        "run": run, "status": row.status.to_string(), "compensation": row.compensation.to_string(),
        "steps": steps, "successes": successes, "effects": effects,
    })
}

/// The process. One judges all runs of a test.
pub(crate) struct Oracle {
    _process: Child,
    pipes: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

impl Oracle {
    /// `None` when there is nothing to run it with; that is recorded for `test`.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let python = test_parts::tool("python3", test)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/oracle.py");
        let mut command = Command::from(python.command());
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let (ask, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let pipes = Mutex::new((ask, BufReader::new(answers).lines()));
        Some(Self { _process: process, pipes })
    }

    /// What is wrong with the run.
    pub(crate) async fn broken(&self, log: &Path, outcome: &Json) -> Vec<String> {
        let question = json!({ "name": outcome["run"], "log": log, "outcome": outcome });
        let mut pipes = self.pipes.lock().await;
        pipes.0.write_all(format!("{question}\n").as_bytes()).await.unwrap();
        let answer = pipes.1.next_line().await.unwrap().unwrap();
        let answer: Json = serde_json::from_str(&answer).unwrap();
        assert!(answer["name"] == outcome["run"] || answer["name"].is_null(), "{answer}");
        serde_json::from_value(answer["broken"].clone()).unwrap()
    }

    /// Judges the run of `world`, and fails with what was written down.
    pub(crate) async fn judge(&self, about: &str, world: &World, run: RunId, said: impl Fn(&str) -> Said) {
        let outcome = outcome(world, run, said).await;
        let broken = self.broken(&world.witness.path, &outcome).await;
        if !broken.is_empty() {
            let log = std::fs::read_to_string(&world.witness.path).unwrap();
            panic!("{about}: the oracle finds {broken:#?} in\n{log}and\n{outcome:#}");
        }
    }
}

/// A log and an outcome that agree, and changes to them that do not.
mod judged {
    use super::*;

    const RUN: &str = "00000000-0000-7000-8000-000000000001";

    fn line(id: u32, what: &str, step: &str, attempt: u32) -> Json {
        let key = (what != "start").then(|| format!("{RUN}/{step}/thing"));
        json!({ "id": id, "what": what, "run": RUN, "step": step, "attempt": attempt, "key": key })
    }

    fn log(lines: &[(&str, &str, u32)]) -> Vec<Json> {
        let lines = lines.iter().zip(0..);
        lines.map(|((what, step, attempt), id)| line(id, what, step, *attempt)).collect()
    }

    /// `a`, `b` that needs it, `c` that needs `b`, each with how it ended and how its effect is.
    fn outcome(run: &str, compensation: &str, steps: [(&str, Option<&str>); 3]) -> Json {
        let named = ["a", "b", "c"].into_iter().zip(steps);
        let needs = [json!([]), json!(["a"]), json!(["b"])];
        let effects: Vec<_> = named
            .clone()
            .filter_map(|(name, (_, state))| {
                Some(json!({ "key": format!("{RUN}/{name}/thing"), "state": state? }))
            })
            .collect();
        let succeeded = named.clone().filter(|(_, (status, _))| *status == "succeeded");
        let successes: Vec<_> = succeeded.map(|(name, _)| json!({ "path": name, "attempt": 1 })).collect();
        let steps: Vec<_> = named
            .zip(needs)
            .map(|((name, (status, _)), needs)| json!({ "path": name, "status": status, "needs": needs }))
            .collect();
        json!({
            "run": RUN, "status": run, "compensation": compensation,
            "steps": steps, "successes": successes, "effects": effects,
        })
    }

    fn good() -> (Vec<Json>, Json) {
        let log = log(&[
            ("start", "a", 1),
            ("made", "a", 1),
            ("start", "b", 1),
            ("made", "b", 1),
            ("start", "c", 1),
        ]);
        let made = ("succeeded", Some("released"));
        (log, outcome("succeeded", "not_needed", [made, made, ("succeeded", None)]))
    }

    fn undone(events: &[(&str, &str, u32)]) -> (Vec<Json>, Json) {
        let mut all =
            vec![("start", "a", 1), ("made", "a", 1), ("start", "b", 1), ("made", "b", 1), ("start", "c", 1)];
        all.extend_from_slice(events);
        let made = ("succeeded", Some("undone"));
        (log(&all), outcome("failed", "complete", [made, made, ("failed", None)]))
    }

    async fn says(oracle: &Oracle, (log, outcome): &(Vec<Json>, Json)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let lines: Vec<_> = log.iter().map(Json::to_string).collect();
        let text = lines.join("\n") + "\n";
        // As a crash leaves it: the last line is torn, and so was never said.
        std::fs::write(&path, format!("{text}{{\"id\": 99")).unwrap();
        oracle.broken(&path, outcome).await
    }

    #[tokio::test]
    async fn the_oracle_sees_what_is_wrong_by_python3() {
        let Some(oracle) = Oracle::start("the_oracle_sees_what_is_wrong_by_python3") else { return };
        let backwards = undone(&[("undone", "b", 1), ("undone", "a", 1)]);
        for fine in [&good(), &backwards] {
            assert_eq!(says(&oracle, fine).await, Vec::<String>::new());
        }
        let with = |(mut log, outcome): (Vec<Json>, Json), more: &[(&str, &str, u32)]| {
            for (what, step, attempt) in more {
                let id = 50 + u32::try_from(log.len()).unwrap();
                log.push(line(id, what, step, *attempt));
            }
            (log, outcome)
        };
        let but = |(log, mut outcome): (Vec<Json>, Json), change: fn(&mut Json)| {
            change(&mut outcome);
            (log, outcome)
        };
        let mut same_id = good();
        same_id.0[1]["id"] = json!(0);
        let mut unseen = good();
        unseen.0.pop();
        let cases = [
            (same_id, "two lines of the log have one id"),
            (unseen, "c succeeded by attempt 1, which nobody saw start"),
            (with(good(), &[("start", "c", 1)]), "attempt 1 of c started twice"),
            (with(good(), &[("start", "c", 2)]), "started although attempt 1 had succeeded"),
            (with(good(), &[("start", "a", 1)]), "a started after b, which needs it"),
            (with(good(), &[("made", "b", 1)]), "was made while it was there"),
            (with(good(), &[("undone", "b", 1)]), "was undone although b and the run succeeded"),
            (but(good(), |of| of["successes"][2] = Json::Null), "cannot judge"),
            (
                but(good(), |of| {
                    let first = of["successes"][0].clone();
                    of["successes"].as_array_mut().unwrap().push(first);
                }),
                "a has 2 committed successes",
            ),
            (but(good(), |of| of["steps"][0]["status"] = json!("failed")), "committed success and is failed"),
            (
                but(good(), |of| of["steps"][2]["status"] = json!("running")),
                "c is running in a run that has ended",
            ),
            (but(good(), |of| of["effects"] = json!([])), "was made and never written down"),
            (but(good(), |of| of["effects"][0]["state"] = json!("made")), "is left made"),
            (but(good(), |of| of["effects"][0]["state"] = json!("stuck")), "the run's undoing is not_needed"),
            (but(good(), |of| of["status"] = json!("failed")), "is left of a run that is failed"),
            (undone(&[("undone", "a", 1), ("undone", "b", 1)]), "was undone before"),
            (undone(&[("undone", "b", 1)]), "is said to be undone, and is there"),
            (undone(&[("undone", "a", 1)]), "whose step needs it, was not"),
            (
                with(undone(&[("undone", "b", 1)]), &[("start", "c", 2), ("undone", "a", 1)]),
                "c started while the run was undone",
            ),
            (
                but(with(good(), &[("undone", "b", 1)]), |of| {
                    of["steps"][2]["finally"] = json!(true);
                    of["steps"][2]["needs"] = json!([]);
                }),
                "b was undone after c of `finally` had started",
            ),
        ];
        for (number, (case, expected)) in cases.iter().enumerate() {
            let broken = says(&oracle, case).await;
            assert!(broken.iter().any(|said| said.contains(expected)), "{number}: {expected}: {broken:#?}");
        }
    }
}
