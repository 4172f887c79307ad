"""`make bench-engine`: the engine beside Restate, Temporal and DBOS, in the same run on the same disk.

Each round takes the engines in another order, and each engine over fresh folders. Nothing here decides pass or fail:
the tables say what was measured, and which goals it met.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile

import cases
import machine
import report
from engines import all_engines
from figures import Figures
from session import Broken, Session

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "image-factory")


def arguments():
    words = argparse.ArgumentParser(prog="bench/driver", description=__doc__)
    comma = lambda text: [word for word in text.split(",") if word]
    words.add_argument("--rounds", type=int, default=10)
    words.add_argument("--only", type=comma, default=[], help="cases, such as a,b,g; all when empty")
    words.add_argument("--engines", type=comma, default=[], help="such as image-factory,restate; all when empty")
    words.add_argument("--program", required=True, help="the built bench-engine")
    words.add_argument("--peers", default=os.environ.get("BENCH_PEERS") or os.path.join(CACHE, "peers"))
    words.add_argument("--folder", default=CACHE, help="where the data lies; its disk is what is measured")
    words.add_argument("--json", default=os.path.join(CACHE, "bench-engine.json"))
    words.add_argument("--markdown", help="a file for tables in Markdown, for docs/performance.md")
    given = words.parse_args()
    unknown = set(given.only) - set(cases.CASES)
    if unknown:
        words.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(cases.CASES)}")
    names = [engine.name for engine in all_engines("", "/nowhere")]
    unknown = set(given.engines) - set(names)
    if unknown:
        words.error(f"no such engine: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return given


def measure(engine, chosen, root, figures, last):
    """One round of one engine."""

    def apart(case_or_all, work):
        """Over a folder of its own; what fails there is told and costs no other case."""
        disk = machine.fdatasync_ms(root)

        def note(case, figure, values, **beside):
            beside |= {"load": machine.load(), "fdatasync_ms": disk}
            figures.note(case, engine.name, figure, values, **beside)

        try:
            with Session(engine, root) as session:
                work(session, note)
        except (Broken, OSError, IndexError) as error:
            print(f"{engine.name} ({case_or_all}): {error}", file=sys.stderr, flush=True)
            figures.failed(case_or_all, engine.name, str(error))

    steady = [case for case in cases.STEADY if case in chosen]
    if steady:
        apart(",".join(steady), lambda session, note: cases.steady(session, steady, note, last))
    if "e" in chosen and engine.large:
        apart("e", cases.large)
    if "g" in chosen:
        apart("g", lambda session, note: cases.killed(session, "g", note))
    if "ge" in chosen and engine.large:
        apart("ge", lambda session, note: cases.killed(session, "ge", note))
    if "h" in chosen:
        apart("h", cases.suspended)


def main():
    given = arguments()
    # As at the end, so that no server stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = given.only or cases.CASES
    engines = all_engines(given.program, given.peers)
    engines = [engine for engine in engines if not given.engines or engine.name in given.engines]
    present = [engine for engine in engines if not engine.absent()]
    figures, disks, loads = Figures(), [], [machine.load()]
    os.makedirs(given.folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as root:
        for number in range(given.rounds):
            shift = number % max(len(present), 1)
            for engine in present[shift:] + present[:shift]:
                disks.append(machine.fdatasync_ms(root))
                loads.append(machine.load())
                told = f"round {number + 1} of {given.rounds}: {engine.name}"
                print(f"{told}, load {loads[-1]:.1f}, fdatasync {disks[-1]:.3f} ms", file=sys.stderr, flush=True)
                measure(engine, chosen, root, figures, number == given.rounds - 1)
    results = {
        "machine": machine.describe(),
        "rounds": given.rounds,
        "fdatasync_ms": statistics.median(disks) if disks else None,
        "load": [min(loads), max(loads)],
        "engines": [
            {
                "name": engine.name,
                "version": engine.version,
                "sync": engine.sync,
                "sync_pure": engine.sync_pure,
                "sync_told": engine.sync_told,
                "absent": engine.absent(),
            }
            for engine in engines
        ],
        "figures": figures.summary(),
        "failures": figures.failures,
        "not_available": cases.NOT_AVAILABLE,
    }
    with open(given.json, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
    if given.markdown:
        with open(given.markdown, "w", encoding="utf-8") as file:
            file.write(report.markdown(results, figures))
    print(report.text(results, figures))
    print(f"\nall values: {given.json}")


main()
