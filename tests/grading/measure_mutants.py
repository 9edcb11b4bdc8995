"""Judges mutants of the master's solutions: how many do the hidden tests catch?

    PYTHONPATH=tests python tests/grading/measure_mutants.py              all of them
        --kernel vectorized_relu --kernel quantized_relu                  those of these kernels
        --every 10                                                        each tenth
        --seconds 500                                                     as far as the time goes

Prints, per kernel, how many are caught, by a wrong result or by the clock (an endless loop, or a machine too
busy to trust), how many no test can catch (each with its reason in equivalent_mutants.yaml), and those that
live as the change that they make. What is known is kept in build/mutants.jsonl: the next run judges only what
changed. Exit code 1 below 97 %, or if not all are judged.
"""

import argparse
import sys
import time
from collections import Counter

from grading.mutants import ROOT, Judge, Kept, Mutant, equivalent

from tinytorch.course.module import load_module
from tinytorch.grading.verdict import OUT_OF_TIME, PASSED

GOAL = 0.97
OUTCOMES = ("caught", "out of time", "equivalent", "alive", "not judged")


def main() -> int:
    kernels = load_module(ROOT).public_names
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", action="append", choices=kernels)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    judge, kept, known = Judge(), Kept(ROOT / "build" / "mutants.jsonl"), equivalent()
    end, counts = time.monotonic() + options.seconds, Counter[str]()
    for kernel in options.kernel or kernels:
        if judge_one(judge.solution(kernel), judge, kept, end) in ("caught", "out of time"):
            print(f"{kernel}: its tests catch the solution itself: {kept.find(judge.solution(kernel))}")
            return 1
        found: dict[str, list[Mutant]] = {name: [] for name in OUTCOMES}
        for mutant in judge.all_mutants(kernel)[:: options.every]:
            same = (kernel, mutant.was, mutant.now) in known
            found["equivalent" if same else judge_one(mutant, judge, kept, end)].append(mutant)
        counts.update({name: len(mutants) for name, mutants in found.items()})
        print(f"{kernel}:", ", ".join(f"{len(mutants)} {name}" for name, mutants in found.items()))
        print("".join(f"  {mutant}\n" for mutant in found["alive"]), end="", flush=True)
    caught = counts["caught"] + counts["out of time"]
    judged = caught + counts["alive"]
    print(f"caught {caught} of {judged}: {caught / max(judged, 1):.1%}")
    return int(caught < GOAL * judged or counts["not judged"] > 0)


def judge_one(mutant: Mutant, judge: Judge, kept: Kept, end: float) -> str:
    """What becomes of it, one of `OUTCOMES`: "not judged" where it is not known and the time is over."""
    if kept.find(mutant) is None and time.monotonic() < end:
        kept.add(mutant, judge.caught_by(mutant))
    record = kept.find(mutant)
    if record is None:
        return "not judged"
    return {PASSED: "alive", OUT_OF_TIME: "out of time"}.get(record["outcome"], "caught")


if __name__ == "__main__":
    sys.exit(main())
