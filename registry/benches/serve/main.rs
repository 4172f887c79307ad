//! What serving costs: manifests and blobs pulled over loopback, in processor time of the server.
//!
//! `cargo bench -p registry`. The server is a process of its own, so that the client's work is not counted. Beside
//! ours runs Docker's `distribution-registry`, when it is on `PATH` or in `IMAGE_FACTORY_TOOLS`; both without
//! sign-in, both on the same disk, the runs interleaved, the median of five given.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

mod load;
mod ours;
mod peer;
mod process;

use std::io::Write as _;

use load::{Load, Row};
use process::Server;

/// Runs of each row; the median counts.
const RUNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some(ours::SERVE) => runtime.block_on(ours::serve(arguments[2].as_ref())),
        _ if arguments.iter().any(|argument| argument == "--bench") => runtime.block_on(compare()),
        // Built by `cargo test`: that it starts is all that is asked.
        _ => {}
    }
}

async fn compare() {
    let folder = tempfile::tempdir().unwrap();
    let mut servers = vec![ours::start(&folder.path().join("ours")).await];
    servers.extend(peer::start(&folder.path().join("peer")).await);
    let mut loads = Vec::new();
    for server in &servers {
        loads.push(Load::prepare(server.address).await);
    }
    say("server\twhat\tserver CPU, median\tunit\tper second of wall time");
    for row in [Row::ManifestByTag, Row::ManifestHead, Row::Blob] {
        let mut results = vec![Vec::new(); servers.len()];
        for _ in 0..RUNS {
            for ((server, load), results) in servers.iter().zip(&loads).zip(&mut results) {
                results.push(measure(server, load, row).await);
            }
        }
        for (server, mut results) in servers.iter().zip(results) {
            results.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (cost, rate) = results[RUNS / 2];
            say(&format!("{}\t{}\t{cost:.3}\t{}\t{rate:.1}", server.name, row.name(), row.unit()));
        }
    }
    for server in &servers {
        say(&format!("{}\tpeak memory\t{:.1}\tMiB", server.name, server.peak_mebibytes()));
    }
}

/// Cost of one unit in the server's processor time, and units per second.
async fn measure(server: &Server, load: &Load, row: Row) -> (f64, f64) {
    let before = server.processor_seconds();
    let (units, wall) = load.run(row).await;
    let spent = server.processor_seconds() - before;
    (spent / units * row.scale(), units / wall.as_secs_f64())
}

fn say(line: &str) {
    // Nobody may be listening any more.
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
}
