//! Orders in, milliseconds out.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use engine_runtime::{Engine, Submission, SystemClock};
use futures::future::try_join_all;
use lang::{Catalogue, Workflow};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use vocab::{Clock as _, Inputs, RunStatus, TenantName};

use crate::house::House;
use crate::order::{Kind, Order, Shape};
use crate::workflows::workflow;

/// Whatever ends the bench.
pub(crate) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Says `ready`, then answers orders until its input ends: milliseconds to the end of the last run, and to the moment
/// at which all were durable.
pub(crate) async fn serve(folder: &Path) -> Result<(), Trouble> {
    let house = House::open(folder).await?;
    let mut known = HashMap::new();
    say("ready")?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let (done, submitted) = carry_out(&house.engine, &mut known, &line.parse()?).await?;
        say(&format!("{:.2} {:.2}", done.as_secs_f64() * 1e3, submitted.as_secs_f64() * 1e3))?;
    }
    house.close().await;
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Workflows are compiled before the time begins, as the peers' are registered before.
async fn carry_out(
    engine: &Engine,
    known: &mut HashMap<Shape, Workflow>,
    order: &Order,
) -> Result<(Duration, Duration), Trouble> {
    let workflow = if let Some(workflow) = known.get(&order.shape) {
        workflow.clone()
    } else {
        let catalogue = Catalogue::new(engine.actions().manifests().cloned());
        let compiled = workflow(order.shape, &catalogue)?;
        known.insert(order.shape, compiled.clone());
        compiled
    };
    let mut inputs = Inputs::new();
    if order.shape.kind == Kind::Effect {
        inputs.insert("log".to_owned(), order.log.to_string_lossy().as_ref().into());
    }
    let submissions: Vec<_> = (0..order.runs)
        .map(|number| Submission {
            tenant: TenantName::default_tenant(),
            project: None,
            workflow: workflow.clone(),
            workflows: Vec::new(),
            inputs: inputs.clone(),
            trigger: json!({ "kind": "manual" }),
            source: None,
            trust_host: false,
            cache_scope: None,
            origin: Some((order.key.clone(), number.to_string())),
        })
        .collect();
    let clock = SystemClock::new();
    let start = clock.monotonic();
    // All at once, as the peers' clients do.
    let runs = try_join_all(submissions.into_iter().map(|submission| engine.submit(submission))).await?;
    let submitted = clock.monotonic().saturating_sub(start);
    if order.shape.kind != Kind::Wait {
        for run in runs {
            let row = engine.wait(run).await?;
            if row.status != RunStatus::Succeeded {
                return Err(format!("run {run} is {}: {:?}", row.status, row.error).into());
            }
        }
    }
    Ok((clock.monotonic().saturating_sub(start), submitted))
}
