"""What was measured: kept by case, engine and figure, with what the machine was like beside it."""

import statistics


class Figures:
    """Values of all rounds. A value carries the load and the fdatasync that were measured around it."""

    def __init__(self):
        self.rows = {}
        self.failures = []

    def note(self, case, engine, figure, values, **beside):
        """Adds values of one round, with CPU seconds, memory, load and fdatasync beside them."""
        row = self.rows.setdefault((case, engine, figure), {"values": [], "beside": []})
        row["values"] += values
        row["beside"].append(beside)

    def failed(self, case, engine, reason):
        """A case that came to no figure in a round."""
        self.failures.append({"case": case, "engine": engine, "reason": reason})

    def median(self, case, engine, figure):
        """None where nothing was measured."""
        row = self.rows.get((case, engine, figure))
        return statistics.median(row["values"]) if row else None

    def summary(self):
        """A list of plain rows, as the JSON file and the tables show them."""
        return [
            {
                "case": case,
                "engine": engine,
                "figure": figure,
                "n": len(row["values"]),
                "min": min(row["values"]),
                "median": statistics.median(row["values"]),
                "p99": p99(row["values"], figure),
                "cpu_s": middle(row, "cpu_s"),
                "peak_mib": middle(row, "peak_mib"),
                "fdatasync_ms": middle(row, "fdatasync_ms"),
                "load": [pick(one["load"] for one in row["beside"]) for pick in (min, max)],
                "values": row["values"],
            }
            for (case, engine, figure), row in self.rows.items()
        ]


def p99(values, figure):
    """The worst of a hundred; with less than a hundred values the worst of them. For a rate that is the lowest."""
    ordered = sorted(values, reverse=figure == "steps/s")
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def middle(row, name):
    """The median of what stood beside the values."""
    known = [beside[name] for beside in row["beside"] if beside.get(name) is not None]
    return statistics.median(known) if known else None
