"""What the engine is to reach, and whether it did in these rounds."""

OURS = "image-factory"


def goals(figures, peers):
    """Lines of (goal, what was measured, met); a goal whose case was not measured is left out."""

    def ours(case, figure):
        return figures.median(case, OURS, figure)

    def best(case, figure, pick):
        known = [figures.median(case, peer, figure) for peer in peers]
        return pick([value for value in known if value is not None], default=None)

    def below(goal, case, figure, bound):
        value = ours(case, figure)
        if value is not None and bound is not None:
            yield goal, f"{value:.3g}, bound {bound:.3g}", value < bound or value == bound == 0

    def above(goal, case, figure, bound):
        value = ours(case, figure)
        if value is not None and bound is not None:
            yield goal, f"{value:.0f}, bound {bound:.0f}", value > bound

    best_b, best_b2 = best("b", "ms", min), best("b2", "ms", min)
    yield from below("b: at most a fifth of the best peer (ms)", "b", "ms", best_b and best_b / 5)
    yield from below("b2: at or below the best peer (ms)", "b2", "ms", best_b2)
    yield from below("d: below 0.3 s (ms)", "d", "ms", 300)
    yield from below("e: below 10 s (ms)", "e", "total ms", 10_000)
    yield from below("e: below 512 MiB", "e", "peak MiB", 512)
    yield from above("f: more than 10,000 steps a second", "f", "steps/s", 10_000)
    yield from above("f: ahead of every peer (steps/s)", "f", "steps/s", best("f", "steps/s", max))
    for case in ("g", "ge"):
        yield from below(f"{case}: ready within 100 ms", case, "ready ms", 100)
        yield from below(f"{case}: first new step within 200 ms", case, "first new step ms", 200)
        yield from below(f"{case}: no effect doubled", case, "doubled effects", 0)
        yield from below(f"{case}: no effect missing", case, "missing effects", 0)
    yield from below("h: less than 10 KiB a suspended run", "h", "KiB/run", 10)
