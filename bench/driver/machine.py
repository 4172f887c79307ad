"""What the machine is like while figures are taken: its disk, its load, and what processes use of it."""

import os
import platform
import socket
import statistics
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def describe():
    """The machine, in the words of its kernel."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release()}


def load():
    """The load of the last minute."""
    return os.getloadavg()[0]


def fdatasync_ms(folder, times=51):
    """Median milliseconds of an fdatasync after 4 KiB were appended, where the engines keep their data."""
    path = Path(folder) / "fdatasync"
    taken = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"\x07" * 4096)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - start) * 1000)
    path.unlink()
    return statistics.median(taken)


def free_ports(count):
    """Ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def cpu_seconds(pid):
    """User and system time of a process, and of its children that it has waited for."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in after_name[11:15]) / TICKS


def memory_kib(pid, field):
    """`VmRSS` (now) or `VmHWM` (the most since `forget_peak`) of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def forget_peak(pid):
    """`VmHWM` counts from now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def bytes_below(folder, pattern):
    """Bytes of the files that match, as they lie there."""
    return sum(path.stat().st_size for path in Path(folder).rglob(pattern) if path.is_file())
