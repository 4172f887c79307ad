#!/usr/bin/env python3
"""Judges runs that have ended, by what their actions wrote down themselves.

It shares no code with the engine and asks it nothing. It reads two things:

- a log to which every action appended a line, with a unique id, for each thing that it did outside:
  {"id": ..., "what": "start" | "made" | "undone", "run": ..., "step": ..., "attempt": ..., "key": ..., "pure": ...}
- what the engine says in public about the run once it has ended:
  {"run": ..., "status": ..., "compensation": ...,
   "steps": [{"path": ..., "status": ..., "needs": [names], "pivot": bool, "finally": bool, "keeps": bool}],
   "successes": [{"path": ..., "attempt": ...}],   # in the order in which they were committed
   "effects": [{"key": ..., "state": ...}]}

One process judges many runs: each line on its input is {"name": ..., "log": FILE, "outcome": ...}, each line of its
answer {"name": ..., "broken": [sentences], "seen": {"start": N, "made": N, "undone": N}}.
"""

import json
import sys

ENDED_WELL = {"succeeded"}
NOT_THERE = {"undone", "superseded"}


def name_of(path):
    """The step that an instance belongs to: `build[2]/inner` is one of `build`."""
    return path.split("/")[0].split("[")[0]


def read_log(path, run):
    """What was written down about the run, in order. A line that a crash tore off at the end was never finished."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    lines = text.split("\n")
    lines.pop()
    return [line for line in map(json.loads, lines) if line["run"] == run]


def above(steps):
    """For each step, all that it needs, however far up."""
    needs = {}
    for step in steps:
        needs.setdefault(name_of(step["path"]), set()).update(step.get("needs", []))

    far = {}

    def climb(name):
        if name not in far:
            far[name] = set()
            for need in needs.get(name, ()):
                far[name] |= {need} | climb(need)
        return far[name]

    for name in needs:
        climb(name)
    return far


class Judge:
    """One run, held against its log."""

    def __init__(self, log, outcome):
        self.log = log
        self.outcome = outcome
        self.broken = []
        self.steps = {step["path"]: step for step in outcome["steps"]}
        self.by_name = {}
        for step in outcome["steps"]:
            self.by_name.setdefault(name_of(step["path"]), step)
        self.above = above(outcome["steps"])
        self.success = {}
        for each in outcome["successes"]:
            self.success.setdefault(each["path"], []).append(each["attempt"])
        self.state = {effect["key"]: effect["state"] for effect in outcome["effects"]}

    def check(self, holds, sentence):
        if not holds:
            self.broken.append(sentence)

    def judge(self):
        self.ids_are_unique()
        self.one_success()
        self.no_start_after_success()
        self.no_start_before_what_it_needs()
        self.nothing_made_twice()
        self.what_is_left()
        self.backwards()
        self.finally_comes_last()
        return self.broken

    def ids_are_unique(self):
        ids = [line["id"] for line in self.log]
        self.check(len(ids) == len(set(ids)), "two lines of the log have one id")

    def one_success(self):
        for path, attempts in self.success.items():
            self.check(len(attempts) == 1, f"{path} has {len(attempts)} committed successes: {attempts}")
            status = self.steps[path]["status"] if path in self.steps else "unknown"
            self.check(status in ENDED_WELL, f"{path} has a committed success and is {status}")
        started = {(line["step"], line["attempt"]) for line in self.log if line["what"] == "start"}
        for each in self.outcome["successes"]:
            if not each.get("cached"):
                here = (each["path"], each["attempt"])
                self.check(here in started, f"{here[0]} succeeded by attempt {here[1]}, which nobody saw start")

    def no_start_after_success(self):
        seen = set()
        for line in self.log:
            if line["what"] != "start":
                continue
            step, attempt = line["step"], line["attempt"]
            # What has no effects may run ahead of the disk, and then once more.
            if not line.get("pure"):
                self.check((step, attempt) not in seen, f"attempt {attempt} of {step} started twice")
            seen.add((step, attempt))
            for success in self.success.get(step, []):
                late = f"attempt {attempt} of {step} started although attempt {success} had succeeded"
                self.check(attempt <= success, late)
            found = self.steps.get(step, {"status": "unknown"})
            # What ran ahead of the disk can be taken back by a crash, its start and its expansion with it; should the run be
            # cancelled then, the step never starts again.
            gone = found["status"] in {"skipped", "not_reached", "unknown"} and not line.get("pure")
            self.check(not gone or found.get("decided"), f"{step} started and is {found['status']}")

    def no_start_before_what_it_needs(self):
        """What a step needs has ended when it starts, so nothing of that starts afterwards."""
        first = {}
        for place, line in enumerate(self.log):
            if line["what"] == "start" and not line.get("pure"):
                first.setdefault(name_of(line["step"]), (place, line["step"]))
        for place, line in enumerate(self.log):
            if line["what"] != "start":
                continue
            for name, (began, path) in first.items():
                if name_of(line["step"]) in self.above.get(name, ()):
                    self.check(place < began, f"{line['step']} started after {path}, which needs it")

    def nothing_made_twice(self):
        there = set()
        for line in self.log:
            if line["what"] == "made":
                self.check(line["key"] not in there, f"{line['key']} was made while it was there")
                there.add(line["key"])
                wanted = f"{line['run']}/{line['step']}/"
                self.check(line["key"].startswith(wanted), f"{line['key']} is no key of {line['step']}")
                self.check(line["key"] in self.state, f"{line['key']} was made and never written down")
            elif line["what"] == "undone":
                there.discard(line["key"])
        self.there = there

    def what_is_left(self):
        run, compensation = self.outcome["status"], self.outcome["compensation"]
        stuck = {key for key, state in self.state.items() if state == "stuck"}
        self.check(
            (compensation == "stuck") == bool(stuck),
            f"the run's undoing is {compensation}, and stuck are {sorted(stuck)}",
        )
        settled = NOT_THERE | {"released", "stuck"}
        if compensation == "held":
            settled |= {"made", "held"}
        for key, state in self.state.items():
            self.check(state in settled, f"{key} is left {state}")
        gone_past = any(
            step.get("pivot") and step["status"] == "succeeded" for step in self.outcome["steps"]
        )
        step_of = {line["key"]: line["step"] for line in self.log if line["what"] == "made"}
        for key in self.there:
            state, step = self.state.get(key), self.steps.get(step_of[key], {"status": "unknown"})
            self.check(state not in NOT_THERE, f"{key} is said to be {state}, and is there")
            if key in stuck:
                continue
            stays = run == "succeeded" or gone_past or step.get("keeps") or step.get("finally")
            self.check(stays, f"{key} is left of a run that is {run}, and not stuck")
            good = step["status"] == "succeeded" or step.get("keeps")
            self.check(good or gone_past, f"{key} is left of a step that is {step['status']}, and not stuck")
        if run == "succeeded":
            for key, step in step_of.items():
                ended = self.steps.get(step, {}).get("status")
                lost = key not in self.there and ended == "succeeded" and compensation != "complete"
                self.check(not lost, f"{key} was undone although {step} and the run succeeded")

    def backwards(self):
        """Of two that were there to the end, the one that needs the other is undone first."""
        last_made, undone = {}, {}
        for place, line in enumerate(self.log):
            if line["what"] == "made":
                last_made[line["key"]] = (place, line["step"])
                undone[line["key"]] = []
            elif line["what"] == "undone":
                undone.setdefault(line["key"], []).append(place)
        for lower, (_, below) in last_made.items():
            for upper, (_, over) in last_made.items():
                if over not in self.success or name_of(over) not in self.above.get(name_of(below), ()):
                    continue
                if undone[upper] and undone[lower]:
                    self.check(
                        undone[lower][-1] < undone[upper][0],
                        f"{upper} was undone before {lower}, whose step needs it",
                    )
                elif undone[upper]:
                    stuck = self.state.get(lower) == "stuck"
                    self.check(stuck, f"{upper} was undone and {lower}, whose step needs it, was not")
        # Once the body is being undone, nothing of it starts.
        ends = [places[0] for key, places in undone.items() if places and last_made_step(last_made, key) in self.success]
        first = min(ends, default=None)
        for place, line in enumerate(self.log):
            if first is not None and place > first and line["what"] == "start":
                body = not self.steps.get(line["step"], {}).get("finally")
                self.check(not body, f"{line['step']} started while the run was undone")

    def finally_comes_last(self):
        begun = None
        for line in self.log:
            last = self.steps.get(line["step"], {}).get("finally")
            if line["what"] == "start" and last:
                begun = line["step"]
            elif begun and not last:
                self.check(False, f"{line['step']} was {line['what']} after {begun} of `finally` had started")
        for step in self.outcome["steps"]:
            over = step["status"] in {"succeeded", "failed", "timed_out", "skipped", "not_reached", "cancelled"}
            self.check(over, f"{step['path']} is {step['status']} in a run that has ended")
            if step.get("finally"):
                ran = step["status"] not in {"not_reached", "cancelled"} or step.get("needs")
                self.check(ran, f"{step['path']} of `finally` is {step['status']}")


def last_made_step(last_made, key):
    return last_made[key][1] if key in last_made else None


def answer(question):
    log = read_log(question["log"], question["outcome"]["run"])
    seen = {what: sum(line["what"] == what for line in log) for what in ("start", "made", "undone")}
    return {"name": question["name"], "broken": Judge(log, question["outcome"]).judge(), "seen": seen}


def main():
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # a question that cannot be judged is no good run
            said = {"name": None, "broken": [f"the oracle cannot judge this: {error!r}"], "seen": {}}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
