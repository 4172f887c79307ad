//! A real PostgreSQL: one cluster for each test binary, gone with it, and a fresh database for whoever asks.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Tool, skipped, tool};

/// Whom the server runs as where this process is root, whom it refuses.
const NOBODY: &str = "nobody";
const PASSWORD: &str = "of-a-test";
/// How often it is asked whether it is up, a tenth of a second apart.
const PATIENCE: u32 = 600;

/// Makes a cluster, serves it until standard input ends, and removes it: the other end of that pipe is the test
/// process, which may end in any way. Texts sort as people in the United States expect, which is no order of bytes:
/// whoever relies on the order must say so.
const LIFE: &str = r#"
cd "$2" || exit 1
"$1/initdb" -D data -U factory -A scram-sha-256 --pwfile=password -E UTF8 --locale=C.UTF-8 \
    --locale-provider=icu --icu-locale=en-US -N >log 2>&1 || exit 1
"$1/postgres" -D data -c listen_addresses= -c port=5432 -c unix_socket_directories="$2" -c fsync=off >>log 2>&1 &
server=$!
cat >/dev/null
# Again until it listens: before that, a shell's child ignores the signal.
for _ in 1 2 3 4 5 6 7 8 9; do
    [ -e data/postmaster.pid ] || break
    kill -QUIT "$server"
    sleep 0.2
done
kill -KILL "$server"
wait "$server"
cd / && rm -rf "$2"
"#;

/// A server of this test binary's own.
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    made: AtomicU32,
    /// Its standard input is what keeps the server up.
    keeper: Child,
}

/// The server of this test binary, started at the first call; records for `test` that it was used or is missing.
///
/// `None` means that the test returns at once: the skip has been said already.
pub fn postgres(test: &str) -> Option<&'static Postgres> {
    static SERVER: OnceLock<Result<Postgres, String>> = OnceLock::new();
    let program = tool("postgres", test)?;
    match SERVER.get_or_init(|| Postgres::start(&program)) {
        Ok(server) => Some(server),
        Err(reason) => {
            skipped("postgres", test, reason);
            None
        }
    }
}

impl Postgres {
    fn start(program: &Tool) -> Result<Self, String> {
        let io = |what: &'static str| move |error: std::io::Error| format!("cannot {what}: {error}");
        // Through links, to where the other programs of the same version are.
        let program = program.path.canonicalize().map_err(io("find the server's programs"))?;
        let programs = program.parent().map(Path::to_owned).unwrap_or_default();
        let folder =
            tempfile::Builder::new().prefix("test-postgres-").tempdir().map_err(io("make a folder"))?;
        let folder = folder.keep();
        std::fs::write(folder.join("password"), PASSWORD).map_err(io("write the password"))?;
        let mut keeper = command("setsid");
        if let Some((user, group)) = servant()? {
            chown(&folder, Some(user), Some(group)).map_err(io("give the folder away"))?;
            let ids = [format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()];
            keeper.arg("setpriv").args(ids);
        }
        keeper.args(["sh", "-c", LIFE, "sh"]).arg(&programs).arg(&folder);
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let keeper = keeper.map_err(io("start a server"))?;
        let mut server = Self { programs, folder, made: AtomicU32::new(0), keeper };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<(), String> {
        for _ in 0..PATIENCE {
            let asked = self.program("pg_isready").arg("--quiet").status();
            if asked.is_ok_and(|status| status.success()) {
                return Ok(());
            }
            if self.keeper.try_wait().is_ok_and(|ended| ended.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("its server does not start: {}", log.lines().last().unwrap_or("no word of it")))
    }

    /// The address of a new, empty database.
    ///
    /// # Panics
    /// When the server does not make one: it was up a moment ago.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.made.fetch_add(1, Ordering::Relaxed));
        let made = self.program("createdb").arg(&name).output();
        let complaint = made.as_ref().map(|made| String::from_utf8_lossy(&made.stderr).into_owned());
        let made = made.as_ref().is_ok_and(|made| made.status.success());
        assert!(made, "no database: {complaint:?}");
        let folder = self.folder.display();
        format!("postgres://factory:{PASSWORD}@localhost:5432/{name}?host={folder}")
    }

    /// The name of the database at an address of [`Postgres::database`].
    pub fn name(address: &str) -> &str {
        let (server, _) = address.split_once('?').unwrap_or((address, ""));
        server.rsplit('/').next().unwrap_or(server)
    }

    /// A program of this version that talks to the server as its owner.
    pub fn program(&self, name: &str) -> Command {
        let mut command = command(self.programs.join(name));
        command.arg("--host").arg(&self.folder).args(["--port=5432", "--username=factory"]);
        command.env("PGPASSWORD", PASSWORD).stdin(Stdio::null());
        command
    }
}

/// The ids of an unprivileged user, where this process is root.
fn servant() -> Result<Option<(u32, u32)>, String> {
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    Ok(Some((id(&["-u", NOBODY])?, id(&["-g", NOBODY])?)))
}

fn id(args: &[&str]) -> Result<u32, String> {
    let answer = command("id").args(args).output().map_err(|error| format!("cannot run id: {error}"))?;
    let text = String::from_utf8_lossy(&answer.stdout);
    text.trim().parse().map_err(|_| format!("id {} gives no number", args.join(" ")))
}

#[expect(clippy::disallowed_methods, reason = "tests drive other programs; no tenant's code runs here")]
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}
