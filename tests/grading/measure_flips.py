"""Grades submissions again and again while other work keeps every core busy: do their marks stay?

    PYTHONPATH=tests python tests/grading/measure_flips.py                 50 regradings of each
    PYTHONPATH=tests python tests/grading/measure_flips.py --times 5 --only master
    PYTHONPATH=tests python tests/grading/measure_flips.py --no-load       beside work of your own

Two submissions win every race by honest work: the master's solutions, and others. One loses those that it
should, of `SLOW`. Prints how often each test came out as it did; exit code 1 if any came out in two ways.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import nbformat
from grading.bank.mistakes import MISTAKES
from grading.bank.submissions import ROOT, judge, student, students_submission
from nbformat import NotebookNode

from tinytorch.course.module import load_module

SLOW = {"no faster than i, j, k", "dense loops", "one after the other"}  # mistakes that only a clock can see


def submissions() -> dict[str, NotebookNode]:
    """The master's, another right one, and one in which all of these mistakes were made."""
    slow = {each.kernel: each.made_in(student(each.kernel)) for each in MISTAKES if each.name in SLOW}
    master = nbformat.read(ROOT / "kernels_dev.ipynb", as_version=4)
    return {"master": master, "right": students_submission(), "slow": students_submission(slow)}


def spin() -> None:
    while True:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument(
        "--only", metavar="NAME", choices=("master", "right", "slow"), help="one of the three"
    )
    parser.add_argument("--no-load", action="store_true", help="something else keeps the cores busy")
    options = parser.parse_args()
    times, cores = options.times, 0 if options.no_load else os.cpu_count() or 1
    busy = [multiprocessing.Process(target=spin, daemon=True) for _ in range(cores)]
    for process in busy:
        process.start()
    module, flips = load_module(ROOT), {}
    with tempfile.TemporaryDirectory(prefix="tinytorch-flips-") as folder:
        for name, notebook in submissions().items():
            if options.only not in (None, name):
                continue
            path = Path(folder) / f"{name}.ipynb"
            nbformat.write(notebook, path)
            outcomes: dict[str, Counter] = {}
            for time in range(times):
                print(f"\r{name}: {time + 1} of {times}", end="", file=sys.stderr, flush=True)
                report = judge(path, module).report
                for cell in report.cells:
                    for test in cell.tests:
                        outcomes.setdefault(f"{cell.name}: {test.name}", Counter())[test.outcome] += 1
            print(file=sys.stderr)
            flips[name] = {test: count for test, count in outcomes.items() if len(count) > 1}
            lost = [test for test, count in outcomes.items() if count["passed"] == 0]
            print(
                json.dumps({"submission": name, "times": times, "never passed": lost, "flips": flips[name]})
            )
    for process in busy:
        process.kill()
    return 1 if any(flips.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
