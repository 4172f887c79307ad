//! Nothing that a tool started outlives it: real processes, killed in every way.
//!
//! This test program is its own shim (`exec-shim`, and `exec-shim-as` of another user), a shim that is only played
//! (`fake-shim`), and its own factory that can be killed (`factory`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_ports::{LogStream, Progress, StepLog, ToolCommand, ToolError, ToolExit, ToolRunner};
use engine_runtime::{ShimConfig, ShimRunner, shim_main, sweep_stale};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;
use vocab::Limits;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    match args.get(1).and_then(|arg| arg.to_str()) {
        Some("exec-shim") => shim_main(),
        Some("exec-shim-as") => {
            nix::unistd::setuid(args[2].to_str().unwrap().parse::<u32>().unwrap().into()).unwrap();
            shim_main()
        }
        Some("fake-shim") => fake_shim(),
        Some("factory") => factory(Path::new(&args[2])),
        _ => {
            let arguments = Arguments::from_args();
            libtest_mimic::run(&arguments, trials()).exit_code()
        }
    }
}

fn trials() -> Vec<Trial> {
    type Test = fn(&Path);
    let all: [(&str, Test); 16] = [
        ("output_goes_to_the_log_and_the_exit_code_comes_back", output_and_exit_code),
        ("a_tool_sees_only_the_environment_that_was_set", cleared_environment),
        ("standard_input_is_what_was_given_or_nothing", standard_input),
        ("bounds_are_kept_by_the_kernel", bounds),
        ("a_bound_on_processes_never_costs_the_shim", bound_on_processes),
        ("a_bound_on_files_below_the_shims_own_never_costs_the_shim", bound_on_files),
        ("a_record_that_cannot_be_written_does_not_end_the_tool", unwritable_record),
        ("a_missing_program_is_named", missing_program),
        ("too_much_output_stops_the_tool", too_much_output),
        ("a_tool_that_takes_too_long_is_stopped", timeout),
        ("cancel_ends_a_child_that_detached_and_ignores_sigterm", cancel_ends_all),
        ("what_a_tool_leaves_running_ends_with_it", leftovers_end),
        ("what_does_not_die_is_named_and_not_waited_for", survivors_are_named),
        ("a_killed_factory_leaves_nothing", factory_killed),
        ("a_killed_shim_leaves_nothing", shim_killed),
        ("the_sweep_ends_what_factory_and_shim_left_and_nothing_else", sweep_after_both),
    ];
    all.into_iter()
        .map(|(name, test)| {
            Trial::test(name, move || {
                let home = tempfile::tempdir().map_err(Failed::from)?;
                test(home.path());
                Ok(())
            })
        })
        .collect()
}

/// Detaches by double fork and `setsid`, ignores SIGTERM, and writes its pid to `pid`.
const DETACH: &str = r#"( ( setsid sh -c 'trap "" TERM HUP; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.2; done' & ) & )
while [ ! -e pid ]; do sleep 0.02; done
"#;
/// The same, with a cleared environment: no marker can be found on it.
const DETACH_BARE: &str = r#"( ( setsid env -i /bin/sh -c 'trap "" TERM HUP; echo $$ > bare.new; mv bare.new bare; while :; do sleep 0.2; done' & ) & )
while [ ! -e bare ]; do sleep 0.02; done
"#;

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl StepLog for Lines {
    fn line(&self, stream: LogStream, text: &str) {
        self.0.lock().unwrap().push(format!("{stream:?}: {text}"));
    }

    fn progress(&self, _: Progress) {}

    fn mask(&self, _: &str) {}
}

fn config(home: &Path) -> ShimConfig {
    ShimConfig {
        program: std::env::current_exe().unwrap(),
        args: vec![OsString::from("exec-shim")],
        path: OsString::from("/usr/local/bin:/usr/bin:/bin"),
        folder: home.join("shims"),
    }
}

fn runner(home: &Path, limits: &Limits) -> ShimRunner {
    ShimRunner::open(config(home), limits).unwrap()
}

fn quick() -> Limits {
    Limits { grace_seconds: 1, ..Limits::default() }
}

fn script(home: &Path, text: &str) -> ToolCommand {
    ToolCommand::new("sh", home).arg("-c").arg(text)
}

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn run(home: &Path, command: ToolCommand) -> (Result<ToolExit, ToolError>, Vec<String>) {
    let log = Lines::default();
    let result = block(runner(home, &quick()).run(command, &log, &CancellationToken::new()));
    (result, log.0.into_inner().unwrap())
}

fn pid(path: &Path) -> i32 {
    for _ in 0..500 {
        if let Ok(text) = fs::read_to_string(path) {
            return text.trim().parse().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{} never came", path.display());
}

fn alive(pid: i32) -> bool {
    // A zombie that waits for a lazy init counts as dead.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn dies(pid: i32) {
    for _ in 0..500 {
        if !alive(pid) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    panic!("process {pid} was left behind");
}

fn output_and_exit_code(home: &Path) {
    let (result, log) = run(home, script(home, "echo out; echo err >&2; exit 3"));
    let exit = result.unwrap();
    assert_eq!((exit.code, exit.signal, exit.stderr_tail.as_str()), (Some(3), None, "err"));
    assert!(log.contains(&"Stdout: out".to_owned()) && log.contains(&"Stderr: err".to_owned()), "{log:?}");
    let (result, _) = run(home, script(home, "kill -9 $$"));
    assert_eq!(result.unwrap().signal, Some(9));
    let (result, log) = run(home, script(home, "printf abc").capture(3));
    assert_eq!(result.unwrap().stdout, b"abc");
    assert!(log.is_empty());
    let left: Vec<_> = fs::read_dir(home.join("shims")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["mark"]);
    assert_eq!(fs::read_dir(home).unwrap().count(), 1, "the temporary folder is removed");
}

fn cleared_environment(home: &Path) {
    let (result, _) = run(home, ToolCommand::new("env", home).env("MINE", "1").capture(4096));
    let stdout = String::from_utf8(result.unwrap().stdout).unwrap();
    let mut names: Vec<_> =
        stdout.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "IMAGE_FACTORY_SHIM", "LANG", "MINE", "PATH", "TMPDIR"]);
}

fn standard_input(home: &Path) {
    let (result, _) = run(home, ToolCommand::new("cat", home).capture(10));
    assert_eq!(result.unwrap().stdout, b"");
    let given = vec![b'x'; 300_000];
    let mut command = ToolCommand::new("cat", home).capture(1_000_000);
    command.stdin = Some(given.clone());
    let (result, _) = run(home, command);
    assert_eq!(result.unwrap().stdout, given);
    // A tool that does not read it is no failure.
    let mut command = ToolCommand::new("true", home);
    command.stdin = Some(given);
    assert!(run(home, command).0.unwrap().success());
}

fn bounds(home: &Path) {
    let limits = Limits { tool_files: 64, tool_file_bytes: 4096, ..quick() };
    let log = Lines::default();
    let command = script(home, "ulimit -n; ulimit -c; head -c 100000 /dev/zero > big").capture(100);
    let exit = block(runner(home, &limits).run(command, &log, &CancellationToken::new())).unwrap();
    assert_eq!(exit.stdout, b"64\n0\n");
    assert!(!exit.success());
    assert_eq!(fs::metadata(home.join("big")).unwrap().len(), 4096);
}

/// The shim cannot write down what runs below then, but watches it all the same. The tool still dies of its own writing.
fn bound_on_files(home: &Path) {
    let limits = Limits { tool_file_bytes: 16, ..quick() };
    let runner = runner(home, &limits);
    for (text, success, said) in [
        ("sleep 1 & sleep 1; wait; echo short > small; echo done", true, "done\n"),
        ("sleep 1; echo done; exec head -c 100 /dev/zero > big", false, "done\n"),
    ] {
        let command = script(home, text).capture(100);
        let exit = block(runner.run(command, &Lines::default(), &CancellationToken::new())).unwrap();
        assert_eq!(String::from_utf8_lossy(&exit.stdout), said, "{text}: {exit:?}");
        assert_eq!(exit.success(), success, "{text}: {exit:?}");
        let died = exit.signal == Some(nix::sys::signal::Signal::SIGXFSZ as i32);
        assert_eq!(died, !success, "the tool has another mask: {exit:?}");
    }
    assert_eq!(fs::metadata(home.join("big")).unwrap().len(), 16);
    let left: Vec<_> =
        fs::read_dir(home.join("shims")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["mark"], "records stay behind");
}

/// Whatever the bound is: the tool runs, or it is refused with the reason. The shim itself never breaks on it.
fn bound_on_processes(home: &Path) {
    // Of a user of its own, since the bound counts all processes of a user, and spares root.
    let user = 61_842;
    if !nix::unistd::geteuid().is_root() {
        test_parts::skipped(
            "root",
            "a_bound_on_processes_never_costs_the_shim",
            "only root becomes another user",
        );
        return;
    }
    let mut outcomes = Vec::new();
    for tool_processes in 1..=12 {
        let limits = Limits { tool_processes, ..quick() };
        let config =
            ShimConfig { args: vec!["exec-shim-as".into(), user.to_string().into()], ..config(home) };
        let runner = ShimRunner::open(config, &limits).unwrap();
        for folder in [home, &home.join("shims")] {
            std::os::unix::fs::chown(folder, Some(user), None).unwrap();
        }
        let mut command = ToolCommand::new("cat", home).capture(100);
        command.stdin = Some(b"read".to_vec());
        match block(runner.run(command, &Lines::default(), &CancellationToken::new())) {
            Ok(exit) => outcomes.push(exit.stdout == b"read"),
            Err(ToolError::Failed { reason, .. }) if reason.contains("temporarily unavailable") => {
                outcomes.push(false);
            }
            other => panic!("with {tool_processes} processes: {other:?}"),
        }
    }
    assert!(!outcomes[0] && outcomes[11], "{outcomes:?}");
    assert!(outcomes.is_sorted(), "{outcomes:?}");
}

/// The tool itself bars the way to the record, starts what the shim has to write down, and clears the way again.
fn unwritable_record(home: &Path) {
    let text = format!(
        r#"for record in shims/*.json; do barrier="${{record%.json}}.new"; done
mkdir "$barrier"
{DETACH_BARE}
sleep 1
rmdir "$barrier"
tries=0
until grep -q "\"pid\":$(cat bare)," "$record" || [ $tries -gt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
[ $tries -le 100 ]
"#
    );
    let (result, _) = run(home, script(home, &text));
    let exit = result.unwrap();
    assert!(exit.success(), "it is written down as soon as that can be: {exit:?}");
    assert!(!alive(pid(&home.join("bare"))));
}

fn missing_program(home: &Path) {
    let (result, _) = run(home, ToolCommand::new("no-such-program", home));
    assert_eq!(result, Err(ToolError::NotFound("no-such-program".into())));
    let (result, _) = run(home, ToolCommand::new("true", home.join("nowhere/../..")).arg("x"));
    assert!(result.is_err());
}

fn too_much_output(home: &Path) {
    let (result, _) = run(home, script(home, "while :; do echo yyyyyyyyyyyyyyyyyyy; done").capture(10_000));
    assert_eq!(result, Err(ToolError::TooMuchOutput { program: "sh".into(), limit: 10_000 }));
}

fn timeout(home: &Path) {
    let mut command = script(home, &format!("{DETACH} sleep 100"));
    command.timeout = Some(Duration::from_millis(1500));
    let (result, _) = run(home, command);
    assert_eq!(result, Err(ToolError::TimedOut { program: "sh".into(), seconds: 1 }));
    assert!(!alive(pid(&home.join("pid"))));
}

fn cancel_ends_all(home: &Path) {
    let cancel = CancellationToken::new();
    let runner = runner(home, &quick());
    let result = block(async {
        let log = Lines::default();
        let stop = async {
            while !home.join("pid").exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            cancel.cancel();
        };
        tokio::join!(runner.run(script(home, &format!("{DETACH} sleep 100")), &log, &cancel), stop).0
    });
    assert_eq!(result, Err(ToolError::Cancelled("sh".into())));
    assert!(!alive(pid(&home.join("pid"))));
}

fn leftovers_end(home: &Path) {
    let (result, _) = run(home, script(home, DETACH));
    assert!(result.unwrap().success());
    assert!(!alive(pid(&home.join("pid"))));
}

/// Plays a shim below which something does not die, which cannot be had for a test: it leaves a process that holds
/// the tool's pipes, says so, and ends.
#[expect(
    clippy::disallowed_methods,
    clippy::zombie_processes,
    reason = "this is a shim, if only a played one, and what it starts must outlive it"
)]
fn fake_shim() -> ExitCode {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;

    let mut control =
        std::os::unix::net::UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut length = [0; 4];
    control.read_exact(&mut length).unwrap();
    control.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize]).unwrap();
    let survivor = std::process::Command::new("sleep")
        .arg("60")
        .stdin(std::process::Stdio::null())
        .env_clear()
        .spawn()
        .unwrap();
    let report = serde_json::json!({"Ended": {
        "code": 0,
        "signal": null,
        "usage": {"user_millis": 0, "system_millis": 0, "max_rss_kib": 0},
        "survivors": [survivor.id()],
    }})
    .to_string();
    control.write_all(&u32::try_from(report.len()).unwrap().to_be_bytes()).unwrap();
    control.write_all(report.as_bytes()).unwrap();
    ExitCode::SUCCESS
}

fn survivors_are_named(home: &Path) {
    let config = ShimConfig { args: vec!["fake-shim".into()], ..config(home) };
    let runner = ShimRunner::open(config, &quick()).unwrap();
    let log = Lines::default();
    let result = block(async {
        let cancel = CancellationToken::new();
        let run = runner.run(script(home, "true"), &log, &cancel);
        tokio::time::timeout(Duration::from_secs(20), run).await
    });
    let log = log.0.into_inner().unwrap();
    let told = log.iter().find(|line| line.contains("do not die")).unwrap_or_else(|| panic!("{result:?}"));
    let pid = told.split(['[', ']']).nth(1).unwrap().parse().unwrap();
    assert!(alive(pid));
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let Ok(Err(ToolError::Failed { reason, .. })) = result else { panic!("{result:?}") };
    assert!(reason.contains(&format!("do not die: [{pid}]")), "{reason}");
}

/// Runs the detaching tool until it is killed.
fn factory(home: &Path) -> ExitCode {
    let log = Lines::default();
    let command = script(home, &format!("{DETACH}{DETACH_BARE} sleep 100"));
    let _ = block(runner(home, &quick()).run(command, &log, &CancellationToken::new()));
    ExitCode::SUCCESS
}

#[expect(clippy::disallowed_methods, reason = "the factory of this test must be killed from outside")]
fn start_factory(home: &Path) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap()).arg("factory").arg(home).spawn().unwrap()
}

/// Pid of the shim that has written down `pid` in its record.
fn shim_that_noted(home: &Path, pid: i32) -> i32 {
    for _ in 0..500 {
        let found = fs::read_dir(home.join("shims")).unwrap().map(|entry| entry.unwrap().path());
        for path in found.filter(|path: &PathBuf| path.extension().is_some_and(|e| e == "json")) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.contains(&format!("\"pid\":{pid},")) {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                return i32::try_from(json["shim"]["pid"].as_i64().unwrap()).unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no shim wrote down {pid}");
}

fn factory_killed(home: &Path) {
    let mut factory = start_factory(home);
    let (marked, bare) = (pid(&home.join("pid")), pid(&home.join("bare")));
    factory.kill().unwrap();
    factory.wait().unwrap();
    dies(marked);
    dies(bare);
}

fn shim_killed(home: &Path) {
    let runner = Arc::new(runner(home, &quick()));
    let killer = {
        let home = home.to_owned();
        std::thread::spawn(move || {
            let bare = pid(&home.join("bare"));
            kill(Pid::from_raw(shim_that_noted(&home, bare)), Signal::SIGKILL).unwrap();
        })
    };
    let log = Lines::default();
    let command = script(home, &format!("{DETACH}{DETACH_BARE} sleep 100"));
    let result = block(runner.run(command, &log, &CancellationToken::new()));
    killer.join().unwrap();
    assert!(
        matches!(&result, Err(ToolError::Failed { reason, .. }) if reason.contains("vanished")),
        "{result:?}"
    );
    assert!(!alive(pid(&home.join("pid"))) && !alive(pid(&home.join("bare"))));
}

fn sweep_after_both(home: &Path) {
    let other = home.join("other");
    fs::create_dir(&other).unwrap();
    let mut stranger = start_factory(&other);
    let mut factory = start_factory(home);
    let (marked, bare) = (pid(&home.join("pid")), pid(&home.join("bare")));
    let shim = shim_that_noted(home, bare);
    kill(Pid::from_raw(shim), Signal::SIGSTOP).unwrap();
    factory.kill().unwrap();
    factory.wait().unwrap();
    kill(Pid::from_raw(shim), Signal::SIGKILL).unwrap();
    assert!(alive(marked) && alive(bare), "without the sweep they live on");
    let swept = sweep_stale(&home.join("shims")).unwrap();
    assert!(swept.killed >= 2 && swept.records == 1, "{swept:?}");
    assert!(!alive(marked) && !alive(bare));
    let foreign = pid(&other.join("pid"));
    assert!(alive(foreign), "another data folder's process was killed");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    dies(foreign);
}
