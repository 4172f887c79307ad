"""The engines: how each is started, and when what it writes is on the disk.

An engine is up to three processes: a server, a worker that executes steps, and the client to which orders go. Ours and
DBOS are one process, which is all three.
"""

import os
import subprocess
import time
import urllib.request
from pathlib import Path

import machine

PATIENCE = 60  # seconds that a server may take to answer


class Engine:
    """What the others have in common."""

    name = "?"
    version = "?"
    # The sync class: what is synced before a step counts as done, in two words and in a sentence. The syncs are counted
    # besides.
    sync = "?"
    # Of a step that has no effect and needs no tool, where that differs.
    sync_pure = None
    sync_told = "?"
    # How many suspended runs it is given.
    suspended = 5000
    # Whether a run of 10,000 steps is measured.
    large = False

    def absent(self):
        """Why it cannot be measured; None when it can."""
        raise NotImplementedError

    def prepare(self, folder):
        """Called once before the processes are started for the first time over a folder."""

    def roles(self):
        """Its processes, in the order in which they start. `client` is always among them."""
        return ["client"]

    def command(self, role, folder):
        """The command of a process."""
        raise NotImplementedError

    def started(self, role, folder, first):
        """Waits until a process answers that says nothing itself. `first`: the folder was empty before."""


class ImageFactory(Engine):
    """The engine of this repository."""

    name = "image-factory"
    version = "this checkout"
    sync = "full, in groups"
    sync_pure = "full, runs ahead"
    sync_told = (
        "WAL, synchronous=FULL; an effect, a tool and an answer wait for their commit, and runs share commits (in groups);"
        " a pure step in process does not wait, only the answer about its run does (runs ahead)"
    )
    large = True

    def __init__(self, program):
        self.program = program

    def absent(self):
        return None if os.access(self.program, os.X_OK) else f"{self.program} is not built"

    def command(self, role, folder):
        return [self.program, "server", f"{folder}/data"]


class Peer(Engine):
    """An engine that `bench/peers/install` installed."""

    def __init__(self, peers):
        self.home = Path(peers) / self.name
        self.reason = Path(peers) / f"{self.name}.absent"

    def absent(self):
        if (self.home / "installed").exists():
            return None
        return self.reason.read_text().strip() if self.reason.exists() else "not installed: bench/peers/install"


class Restate(Peer):
    """Restate's server, and a worker and a client on Node."""

    name = "restate"
    version = "server 1.7.12, SDK 1.17.2 on Node"
    sync = "full, in groups"
    sync_told = "each step waits for its sync; runs share syncs"

    def prepare(self, folder):
        self.ingress, self.admin, self.node, self.worker = machine.free_ports(4)
        Path(folder, "restate.toml").write_text(
            f'bind-address = "127.0.0.1:{self.node}"\n'
            f'advertised-address = "http://127.0.0.1:{self.node}"\n'
            f'base-dir = "{folder}/data"\n'
            'disable-telemetry = true\nlog-filter = "warn"\n'
            f'[admin]\nbind-address = "127.0.0.1:{self.admin}"\n'
            f'[ingress]\nbind-address = "127.0.0.1:{self.ingress}"\n'
        )

    def roles(self):
        return ["server", "worker", "client"]

    def command(self, role, folder):
        if role == "server":
            # The binary itself: npm's wrapper would take the signals.
            pattern = "node_modules/@restatedev/restate-server-linux-*/bin/restate-server"
            binary = next(self.home.glob(pattern))
            return [str(binary), "--config-file", f"{folder}/restate.toml"]
        port = self.worker if role == "worker" else f"http://127.0.0.1:{self.ingress}"
        return ["node", str(self.home / f"{role}.mjs"), str(port)]

    def started(self, role, folder, first):
        if role == "server":
            ask(f"http://127.0.0.1:{self.admin}/health")
            ask(f"http://127.0.0.1:{self.ingress}/restate/health")
        if role == "worker" and first:
            uri = f'{{"uri": "http://127.0.0.1:{self.worker}"}}'
            ask(f"http://127.0.0.1:{self.admin}/deployments", uri.encode())


class Temporal(Peer):
    """Temporal's development server on SQLite, and a worker and a client in Go."""

    name = "temporal"
    version = "CLI v1.5.1, SDK v1.50.0; tuned"
    sync = "full, each step"
    sync_told = "SQLite with WAL and synchronous=FULL; several commits a step"
    # A start of a workflow takes it some 10 ms.
    suspended = 500

    def prepare(self, folder):
        (self.port,) = machine.free_ports(1)

    def roles(self):
        return ["server", "worker", "client"]

    def command(self, role, folder):
        address = f"127.0.0.1:{self.port}"
        if role != "server":
            return [str(self.home / "bin/bench"), role, address]
        command = [str(self.home / "bin/temporal"), "server", "start-dev", "--headless"]
        command += ["--ip", "127.0.0.1", "--port", str(self.port), "--log-level", "error"]
        command += ["--db-filename", f"{folder}/temporal.db"]
        command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2"]
        # As it comes, it lets a step wait 100 ms for its turn, even when it has nothing else to do.
        command += ["--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000"]
        command += ["--dynamic-config-value", "system.enableActivityEagerExecution=true"]
        return command

    def started(self, role, folder, first):
        if role == "server":
            client = [str(self.home / "bin/bench"), "ready", f"127.0.0.1:{self.port}"]
            subprocess.run(client, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)


class Dbos(Peer):
    """DBOS on SQLite, within a Python process."""

    name = "dbos"
    version = "3.4.0"
    sync = "full, each step"
    sync_told = "SQLite with WAL and synchronous=FULL; a commit a step"
    # Each takes it a task and several statements in Python.
    suspended = 500

    def command(self, role, folder):
        return [str(self.home / "venv/bin/python"), str(self.home / "app.py"), f"{folder}/dbos.db"]


def ask(url, body=None):
    """Asks until there is an answer."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            request = urllib.request.Request(url, body, {"content-type": "application/json"})
            # No proxy between two processes of this machine.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            return opener.open(request, timeout=5).read()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def all_engines(program, peers):
    """Ours first; the rounds rotate them."""
    return [ImageFactory(program), Restate(peers), Temporal(peers), Dbos(peers)]
