//! A terminal that goes away, or a daemon that is told to look again: SIGHUP.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Server, program};

const WAITS: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: waits
on:
  manual:
steps:
  wait:
    uses: shell/run@v1
    with:
      script: sleep 600
";

#[tokio::test]
async fn a_server_without_tls_survives_a_hangup() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    server.signal(Signal::SIGHUP);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.request("GET", "/health").send().await.unwrap().status(), 200);
    assert_eq!(server.stop(), Some(0));
}

/// The same command where whoever runs the tests ignores the signal, as `nohup` does: what is ignored is inherited.
#[expect(clippy::disallowed_methods, reason = "tests drive the program itself")]
fn heeding_hangups(program: &Command) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP").arg(program.get_program()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(program.get_current_dir().unwrap());
    command
}

/// A local run whose step waits, and what it says from then on.
fn waiting(folder: &Path) -> (Child, impl Iterator<Item = String>) {
    std::fs::write(folder.join("w.yaml"), WAITS).unwrap();
    let mut child = heeding_hangups(&program(folder))
        .args(["run", "w.yaml", "--data-dir", "d", "--trust", "host"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("wait: running")));
    (child, said)
}

#[test]
fn a_local_run_whose_terminal_goes_away_is_cancelled_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, said) = waiting(folder.path());
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGHUP).unwrap();
    let said: Vec<String> = said.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("SIGHUP: cancelling the run")), "{said:?}");
}
