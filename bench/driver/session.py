"""An engine over a folder of its own: started, given orders, killed, started again, stopped."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import machine

PATIENCE = 300  # seconds that an order may take


class Broken(Exception):
    """The engine did not answer; the case has no figure."""


class Session:
    """Used as a context: nothing that it started, and no file, outlives it."""

    def __init__(self, engine, root):
        self.engine = engine
        self.folder = tempfile.mkdtemp(prefix=engine.name + "-", dir=root)
        self.steps = Path(self.folder, "steps")
        self.processes = {}
        self.orders = 0

    def __enter__(self):
        try:
            self.engine.prepare(self.folder)
            for role in self.engine.roles():
                self.start(role, first=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for role in list(self.processes):
            self.kill(role)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, role, first=False):
        """Starts a process, and waits until it says or shows that it is ready."""
        with open(Path(self.folder, "log"), "ab") as log:
            process = subprocess.Popen(
                self.engine.command(role, self.folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if role == "client" else log,
                stderr=log,
                text=True,
                bufsize=1,
                env=os.environ | {"RESTATE_LOGGING": "ERROR"},
                start_new_session=True,
            )
        self.processes[role] = process
        if role == "client" and self._line() != "ready":
            raise Broken(f"{self.engine.name} is not ready: {self.log_end()}")
        self.engine.started(role, self.folder, first)

    def kill(self, role):
        """SIGKILL, and until the process is gone."""
        process = self.processes.pop(role)
        process.kill()
        process.wait()

    def stop(self):
        """As a person would stop it, so that its files are complete."""
        for role in ["client", "worker", "server"]:
            if role in self.processes:
                process = self.processes.pop(role)
                process.stdin.close()
                if role != "client":
                    process.send_signal(signal.SIGTERM)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def send(self, layers, width, kind, runs, key=None):
        """Gives an order. The key names it, for a second time."""
        self.orders += 1
        key = key or f"k{self.orders}"
        try:
            self.processes["client"].stdin.write(f"{layers} {width} {kind} {runs} {self.steps} {key}\n")
        except OSError as error:
            raise Broken(f"{self.engine.name} takes no order: {self.log_end()}") from error
        return key

    def answer(self):
        """Milliseconds to the end, and those to the moment at which it was accepted, where the engine says so."""
        line = self._line()
        try:
            words = [float(word) for word in line.split()]
            return words[0], words[1] if len(words) > 1 else None
        except (ValueError, IndexError):
            raise Broken(f"{self.engine.name} answered `{line}`: {self.log_end()}") from None

    def order(self, layers, width, kind, runs=1):
        """An order and its answer."""
        self.send(layers, width, kind, runs)
        return self.answer()

    def _line(self):
        process = self.processes["client"]
        # One that stands still ends here, as one that crashed does.
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        try:
            return process.stdout.readline().strip()
        finally:
            watch.cancel()

    def log_end(self):
        """The last that its processes said."""
        lines = Path(self.folder, "log").read_text(errors="replace").split("\n")
        return " | ".join(line for line in lines[-6:] if line)[-600:] or "its log is empty"

    def counted(self):
        """Pids of the processes whose cost is the engine's: of a client beside a server not."""
        roles = [role for role in self.processes if role != "client"] or ["client"]
        return [self.processes[role].pid for role in roles]

    def cpu(self):
        """CPU seconds of the engine so far."""
        return sum(machine.cpu_seconds(pid) for pid in self.counted())

    def memory(self, field):
        """KiB of the engine."""
        return sum(machine.memory_kib(pid, field) for pid in self.counted())

    def forget_peak(self):
        """The peak counts from now."""
        for pid in self.counted():
            machine.forget_peak(pid)

    def count_syncs(self, *order):
        """How many times the engine syncs in an order; None where strace cannot say."""
        if not shutil.which("strace"):
            return None
        out = Path(self.folder, "strace")
        command = ["strace", "-qq", "-f", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o", str(out)]
        for pid in self.counted():
            command += ["-p", str(pid)]
        tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        if tracer.poll() is not None:
            return None
        try:
            self.order(*order)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
        # A call that another thread interrupts takes two lines.
        return len(re.findall(r"(?:fsync|fdatasync|sync_file_range|msync)\(", out.read_text()))
