"""The cases: what is asked of an engine, and which figures come of it.

Each function measures one round of one engine and gives its figures to `note(case, figure, values, **beside)`.
"""

import time

import machine
from session import PATIENCE, Broken

# Case: what it is; the order; how often it is asked in a round; steps in it, where steps a second are the figure.
STEADY = {
    "a": ("1 step", (1, 1, "noop", 1), 5, None),
    "b": ("40 no-op steps in sequence", (40, 1, "noop", 1), 3, None),
    "b2": ("40 steps in sequence, an effect each", (40, 1, "effect", 1), 3, None),
    "c": ("40 steps in sequence, `sh -c true` each", (40, 1, "sh", 1), 2, None),
    "d": ("fan-out of 1,000 and join", (1, 1000, "noop", 1), 1, None),
    "e10": ("10 layers of 100", (10, 100, "noop", 1), 1, None),
    "f": ("100 runs at once, 40 steps each", (40, 1, "noop", 100), 1, 4000),
}
# Those in which the syncs are counted, once.
SYNCS = ["a", "b", "b2", "c"]
OTHERS = {
    "e": "10,000 steps in layers of 100, three needs each",
    "g": "SIGKILL at step 150 of 400, an effect each",
    "ge": "SIGKILL in the middle of 10,000 steps in layers, an effect each",
    "h": "suspended runs",
}
NOT_AVAILABLE = {
    "b'": "40 steps through a worker process: not available. image-factory has no worker process that lives longer than"
    " an attempt: it executes actions within its own process, and tools in a process of their own for each attempt (c)."
    " b2 is what compares best: there nothing runs ahead of the disk.",
}
TITLES = {case: entry[0] for case, entry in STEADY.items()} | OTHERS
CASES = ["a", "b", "b2", "c", "d", "e10", "e", "f", "g", "ge", "h"]

LARGE = (100, 100)
WARM_UP = 3
WAVE = 250
POLL = 0.0005


def warm_up(session):
    """Caches, connections, compiled code: what a server has that is not new."""
    for _ in range(WARM_UP):
        session.order(40, 1, "noop", 1)


def steady(session, cases, note, count_syncs):
    """The cases that leave the engine as it was, one after another over the same folder."""
    warm_up(session)
    for case in cases:
        _, order, times, steps = STEADY[case]
        # A workflow that it has seen: the others had theirs when they started.
        if case in ("d", "e10"):
            session.order(*order)
        session.forget_peak()
        cpu = session.cpu()
        taken = [session.order(*order)[0] for _ in range(times)]
        cpu = (session.cpu() - cpu) / times
        peak = session.memory("VmHWM") / 1024
        if steps:
            note(case, "steps/s", [steps / (ms / 1000) for ms in taken], cpu_s=cpu, peak_mib=peak)
        else:
            note(case, "ms", taken, cpu_s=cpu, peak_mib=peak)
    for case in cases:
        if count_syncs and case in SYNCS:
            syncs = session.count_syncs(*STEADY[case][1])
            if syncs is not None:
                note(case, "syncs", [syncs])


def large(session, note):
    """A run of 10,000 steps over a fresh folder, to the bytes that it leaves."""
    layers, width = LARGE
    warm_up(session)
    empty = machine.bytes_below(session.folder, "*.db*")
    session.forget_peak()
    cpu = session.cpu()
    total, submit = session.order(layers, width, "noop", 1)
    beside = {"cpu_s": session.cpu() - cpu, "peak_mib": session.memory("VmHWM") / 1024}
    note("e", "total ms", [total], **beside)
    note("e", "submit ms", [submit])
    note("e", "peak MiB", [beside["peak_mib"]])
    session.stop()
    left = machine.bytes_below(session.folder, "*.db*") - empty
    note("e", "bytes/node", [left / (layers * width)])


def killed(session, case, note):
    """SIGKILL of the server in the middle of a run, and what comes after."""
    layers, width, at = (400, 1, 150) if case == "g" else (*LARGE, 5000)
    session.order(2, 1, "effect", 1)
    session.steps.unlink()
    key = session.send(layers, width, "effect", 1)
    until = time.monotonic() + PATIENCE
    while lines_of(session.steps) < at:
        if time.monotonic() > until:
            raise Broken(f"{session.engine.name} did not come to step {at}: {session.log_end()}")
        time.sleep(POLL)
    # The client of a server that is gone knows no more than we do.
    roles = [role for role in session.engine.roles() if role != "worker"]
    start = time.time()
    for role in reversed(roles):
        session.kill(role)
    before = lines_of(session.steps)
    for role in roles:
        session.start(role)
        if role == roles[0]:
            ready = time.time() - start
    session.send(layers, width, "effect", 1, key)
    session.answer()
    done = time.time() - start
    lines = [line.split() for line in session.steps.read_text().splitlines()]
    first_new = int(lines[before][1]) / 1000 - start
    steps = {number for number, _ in lines}
    note(case, "ready ms", [ready * 1000])
    note(case, "first new step ms", [first_new * 1000])
    note(case, "done ms", [done * 1000])
    note(case, "doubled effects", [len(lines) - len(steps)])
    note(case, "missing effects", [layers * width - len(steps)])


def lines_of(path):
    """How many lines a file has; none when it is not there."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def suspended(session, note):
    """Runs that wait for what does not come: what each costs in memory, and how long a start takes over them."""
    runs = session.engine.suspended
    session.order(1, 1, "wait", 1)
    warm_up(session)
    time.sleep(1)
    empty = session.memory("VmRSS")
    cpu = session.cpu()
    # In waves: what a burst of submissions takes for a moment, an allocator may keep, and it is not what is asked for.
    taken = sum(session.order(1, 1, "wait", WAVE)[0] for _ in range(runs // WAVE))
    time.sleep(2)
    note("h", "runs", [runs])
    note("h", "KiB/run", [(session.memory("VmRSS") - empty) / runs])
    note("h", "suspend ms/run", [taken / runs], cpu_s=session.cpu() - cpu, peak_mib=session.memory("VmHWM") / 1024)
    roles = [role for role in session.engine.roles() if role != "worker"]
    for role in reversed(roles):
        session.kill(role)
    start = time.time()
    session.start(roles[0])
    note("h", "restart ms", [(time.time() - start) * 1000])
    for role in roles[1:]:
        session.start(role)
    time.sleep(1)
    note("h", "MiB after restart", [session.memory("VmRSS") / 1024])
