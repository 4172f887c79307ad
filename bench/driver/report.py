"""The tables: as text for a terminal, and as Markdown for `docs/performance.md`."""

import cases
from goals import goals

HEADERS = ["engine", "figure", "median", "p99", "n", "CPU s", "peak MiB", "fdatasync ms", "load", "sync class"]
NOTES = [
    "p99 is the worst value where there are less than 100. CPU and peak memory are those of server and worker; a run's"
    " own share of CPU. The fdatasync of 4 KiB and the load were measured around the values.",
    "b, d, e, e10, f: a pure no-op step of image-factory runs ahead of the disk, and its events are synced in groups"
    " before its run's end is told; the peers sync each step. In b2, c, g and ge nothing of it runs ahead: there each"
    " effect is written down (synced) before it is made, and closed after. The peers have no such intent: they make the"
    " effect and record it.",
    "e10: each step of image-factory needs three of the layer before; the peers' next layer waits for the whole one.",
    "g, ge: SIGKILL of the server; of Restate and Temporal the worker lives on, ours and DBOS are one process.",
    "syncs: counted by strace in one more order, outside of the measured ones.",
]


def lines_of(results):
    """All tables as (title, header, rows)."""
    engines = {engine["name"]: engine for engine in results["engines"]}
    for case in cases.CASES:
        rows = [row_of(row, engines) for row in results["figures"] if row["case"] == case]
        if rows:
            rows.sort(key=lambda row: (list(engines).index(row[0])))
            yield f"({case}) {cases.TITLES[case]}", HEADERS, rows


def row_of(row, engines):
    engine = engines[row["engine"]]
    pure = row["case"] in ("a", "b", "d", "e10", "e", "f") and engine["sync_pure"]
    low, high = row["load"]
    return [
        row["engine"],
        row["figure"],
        number(row["median"]),
        number(row["p99"]),
        str(row["n"]),
        number(row["cpu_s"]),
        number(row["peak_mib"]),
        number(row["fdatasync_ms"]),
        f"{low:.1f}-{high:.1f}",
        pure or engine["sync"],
    ]


def number(value):
    """Three digits are more than the figures are good for."""
    if value is None:
        return "-"
    if value == 0 or isinstance(value, int):
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def introduction(results):
    """Where and how it was measured, in sentences."""
    machine = results["machine"]
    yield (
        f"{machine['cores']} cores of {machine['cpu']}, Linux {machine['kernel']}; {results['rounds']} rounds, the order of"
        f" the engines rotated; fdatasync of 4 KiB {number(results['fdatasync_ms'])} ms (median of the run);"
        f" load {results['load'][0]:.1f} to {results['load'][1]:.1f}."
    )
    for engine in results["engines"]:
        state = f"absent: {engine['absent']}" if engine["absent"] else engine["version"]
        yield f"{engine['name']}: {state}. Sync: {engine['sync_told']}."


def goal_rows(results, figures):
    """The goals, as rows."""
    peers = [engine["name"] for engine in results["engines"][1:]]
    return [[goal, measured, "met" if met else "MISSED"] for goal, measured, met in goals(figures, peers)]


def text(results, figures):
    """For a terminal."""
    out = [*introduction(results), ""]
    for title, header, rows in lines_of(results):
        out += [title, *aligned([header, *rows]), ""]
    out += [f"({case}) {reason}" for case, reason in cases.NOT_AVAILABLE.items()] + [""]
    out += ["Goals", *aligned(goal_rows(results, figures)), ""]
    out += [f"failed: {one['engine']} ({one['case']}): {one['reason']}" for one in results["failures"]]
    return "\n".join([*out, *NOTES])


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def markdown(results, figures):
    """For `docs/performance.md`."""
    out = []
    for line in introduction(results):
        out += ["- " + line]
    out.append("")
    for title, header, rows in lines_of(results):
        out += [f"### {title}", "", *table(header, rows), ""]
    for case, reason in cases.NOT_AVAILABLE.items():
        out += [f"### ({case})", "", reason, ""]
    out += ["### Goals", "", *table(["goal", "measured", ""], goal_rows(results, figures)), ""]
    out += [f"- {one['engine']} ({one['case']}) failed: {one['reason']}" for one in results["failures"]]
    return "\n".join([*out, *[f"- {note}" for note in NOTES]]) + "\n"


def table(header, rows):
    line = lambda cells: "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    return [line(header), line(["---"] * len(header)), *map(line, rows)]
