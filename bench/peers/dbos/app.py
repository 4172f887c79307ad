"""DBOS for `make bench-engine`: worker and client in one process, on SQLite.

`app.py DATABASE` says `ready`, then answers each order on standard input, `LAYERS WIDTH KIND RUNS LOG KEY`, with
milliseconds. What the words mean stands in `bench/engine/src/order.rs`.
"""

import asyncio
import subprocess
import sys
import time

from dbos import DBOS, SetWorkflowID
from sqlalchemy import event
from sqlalchemy.engine import Engine

LONG = 24 * 3600


@event.listens_for(Engine, "connect")
def sync_every_commit(connection, _record):
    """DBOS sets neither; without WAL a commit of SQLite takes two syncs or more."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def work(number, kind, log):
    """What one step does."""
    if kind == "sh":
        subprocess.run(["sh", "-c", "true"], check=True)
    if kind == "effect":
        with open(log, "a", encoding="ascii") as lines:
            lines.write(f"{number} {int(time.time() * 1000)}\n")
    return number


@DBOS.step()
def step(number, kind, log):
    return work(number, kind, log)


@DBOS.step()
async def step_beside_others(number, kind, log):
    return work(number, kind, log)


@DBOS.workflow()
def chain(length, kind, log):
    for number in range(length):
        step(number, kind, log)


@DBOS.workflow()
async def layers(count, width, kind, log):
    for layer in range(count):
        numbers = range(layer * width, (layer + 1) * width)
        await asyncio.gather(*[step_beside_others(number, kind, log) for number in numbers])


@DBOS.workflow()
async def wait():
    await DBOS.sleep_async(LONG)


def carry_out(length, width, kind, runs, log, key):
    """Starts the runs of an order and waits for their ends, unless they are to wait for ever."""
    handles = []
    for number in range(runs):
        with SetWorkflowID(f"{key}-{number}"):
            if kind == "wait":
                DBOS.start_workflow(wait)
            elif width == 1:
                handles.append(DBOS.start_workflow(chain, length, kind, log))
            else:
                handles.append(DBOS.start_workflow(layers, length, width, kind, log))
    for handle in handles:
        # By default it asks once a second.
        handle.get_result(polling_interval_sec=0.01)


DBOS(
    config={
        "name": "bench",
        "system_database_url": "sqlite:///" + sys.argv[1],
        # Runs are recovered by the version that started them.
        "application_version": "1",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
)
# This also goes on with runs that did not end.
DBOS.launch()
print("ready", flush=True)
for line in sys.stdin:
    length, width, kind, runs, log, key = line.split()
    start = time.perf_counter()
    carry_out(int(length), int(width), kind, int(runs), log, key)
    print(f"{(time.perf_counter() - start) * 1000:.2f}", flush=True)
