"""Judging only what is new: in go a submission and what is remembered, out comes its whole verdict."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path

from tinytorch.course.module import Module
from tinytorch.grading.judge import CHANCE, Progress, judge, shortcuts
from tinytorch.grading.memory import Keys, Memory, Tested, environment, keys, recall, remembered
from tinytorch.grading.submission import Submission
from tinytorch.grading.verdict import KernelVerdict, Verdict


def judge_changed(
    submission: Submission,
    module: Module,
    memory: Memory,
    found: Keys,
    around: str,
    *,
    only: Collection[str] = (),
    everything: bool = False,
    on_progress: Progress | None = None,
) -> Tested:
    """Judge in a plain process the kernels of `only` (all where empty) whose verdict is not remembered.

    Args:
        found: the submission's `keys`.
        around: the `environment` in which the process that runs kernels was started.
        everything: also those whose verdict is remembered.

    Raises UserError as `judge` does.
    """
    asked = [name for name in module.points if not only or name in only]
    if not everything and (tested := recall(memory, found, asked, module)):
        return tested
    known = {} if everything else remembered(memory, found, asked)
    run = {name for name in asked if name not in known}
    run |= {before for name in run for before in found.checks[name]}
    verdict = judge(submission, module, sandbox="none", inline=True, only=run, on_progress=on_progress)
    if environment(module) == around:  # else nobody knows which of the two was judged
        _remember(memory, verdict, found)
    fresh = {cell.name: cell for cell in verdict.cells}
    verdict.cells = [fresh.get(name) or known[name] for name in asked]
    verdict.count(hidden=module.hidden is not None)
    return Tested(verdict, frozenset(set(asked) - fresh.keys()))


def judge_in_class(
    submission: Submission,
    module: Module,
    passed: dict[str, KernelVerdict],
    *,
    sandbox: str,
    hidden: Path,
    only: Collection[str] | None = None,
) -> Verdict:
    """Judge one of many submissions: a kernel whose code has passed every test in another one passes here.

    Args:
        passed: what this process has seen pass, by the digest of the code that it rests on; added to. Nothing
            else is shared, and nothing comes from or goes to a submission that takes a shortcut anywhere.
        only: the kernels to judge, by default all of the module's.

    Raises UserError as `judge` does.
    """
    module, cells = replace(module, hidden=hidden), submission.cells()
    if shortcuts(cells, list(module.points), module).refused:
        return judge(submission, module, sandbox=sandbox, only=only)
    asked = [name for name in module.points if only is None or name in only]
    found = keys(cells, module, environment(module, sandbox)).flawless
    known = {name: passed[key] for name, key in found.items() if name in asked and key and key in passed}
    verdict = judge(submission, module, sandbox=sandbox, only=set(asked) - known.keys())
    fresh = {cell.name: cell for cell in verdict.cells}
    for name, cell in fresh.items():
        if (key := found[name]) and cell.flawless() and cell.settled:
            passed[key] = deepcopy(cell)
    verdict.cells = [fresh.get(name) or deepcopy(known[name]) for name in asked]
    verdict.count(hidden=True)
    return verdict


def _remember(memory: Memory, verdict: Verdict, found: Keys) -> None:
    for cell in verdict.cells:
        memory.drop(found.flawless[cell.name])
        memory.drop(found.placed[cell.name])
        key = (found.flawless if cell.flawless() else found.placed)[cell.name]
        if key and cell.settled:
            memory.put(key, cell.as_json())
    if not any(error.type in CHANCE for error in verdict.broken):
        memory.put(found.whole, [asdict(error) for error in verdict.broken])
