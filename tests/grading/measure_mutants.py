"""Judges mutants of the master's solutions: how many do the hidden tests catch?

    PYTHONPATH=tests python tests/grading/measure_mutants.py              all of them, in two processes
        --kernel vectorized_relu --kernel quantized_relu                  those of these kernels
        --every 10                                                        each tenth

Prints, per kernel, how many there are, how many are caught, how many can be caught by no test (each with its
reason in equivalent_mutants.yaml), and those that live as the change that they make. Exit code 1 below 97 %.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from grading.mutants import ROOT, Judge, Mutant, equivalent

from tinytorch.course.module import load_module

GOAL = 0.97


@cache
def judge() -> Judge:
    """One per process."""
    return Judge()


def caught_by(mutant: Mutant) -> tuple[str | None, float]:
    start = time.monotonic()
    return judge().caught_by(mutant), time.monotonic() - start


def main() -> int:
    kernels = load_module(ROOT).public_names
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", action="append", choices=kernels)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    known = equivalent()
    caught = living = 0
    with ProcessPoolExecutor(options.processes) as pool:
        for kernel in options.kernel or kernels:
            made = Judge().all_mutants(kernel)[:: options.every]
            same = [each for each in made if (kernel, each.old, each.new) in known]
            judged = [each for each in made if each not in same]
            found = list(pool.map(caught_by, judged))
            alive = [each for each, (test, _) in zip(judged, found, strict=True) if test is None]
            caught, living = caught + len(judged) - len(alive), living + len(alive)
            longest = max((seconds for _, seconds in found), default=0)
            print(
                f"{kernel}: {len(made)} mutants, {len(judged) - len(alive)} caught, {len(same)} equivalent, "
                f"{len(alive)} alive; the longest took {longest:.1f} s",
                *alive,
                sep="\n  ",
                flush=True,
            )
    share = caught / max(caught + living, 1)
    print(f"caught {caught} of {caught + living}: {share:.1%}")
    return 0 if share >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
