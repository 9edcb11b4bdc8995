"""Runs cases and makes rows of them: every result is checked, then all contenders are timed in turns."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from tinytorch.bench import elementwise, integers, products, shapes, system
from tinytorch.bench.cases import OURS, Case, Contest, Row
from tinytorch.bench.threads import equal_threads
from tinytorch.bench.timing import SPIN_S, WAKE_S, interleaved, median_ci

BUDGET_S, QUICK_BUDGET_S = 2.5, 0.3
THREADED = 8  # times the budget where most of it goes to waking threads up, and other work disturbs more
BLAS = "numpy @"


@dataclass(frozen=True)
class Options:
    """What to measure. `kernel`: only this; `sizes`: n, for n x n products and arrays; `threads`: for all."""

    kernel: str | None = None
    sizes: list[int] | None = None
    threads: int | None = None
    quick: bool = False


def kernel_names(kernels: ModuleType) -> list[str]:
    """The kernels that there are cases for."""
    return sorted({case.kernel for case in select(kernels, Options())})


def select(kernels: ModuleType, options: Options) -> list[Case]:
    """The cases that these options ask for, in the order of the module."""
    everything = [
        case
        for cases in (system, elementwise, products, integers, shapes)
        for case in cases.cases(kernels, options.sizes, options.threads)
    ]
    return [
        case
        for case in everything
        if (options.kernel is None or case.kernel == options.kernel)
        and (case.quick or not options.quick or options.sizes)
    ]


def run(kernels: ModuleType, options: Options, on_case: Callable[[Case], None] | None = None) -> list[Row]:
    """Measure; `on_case` hears of each case before it is run (for a progress bar)."""
    budget = QUICK_BUDGET_S if options.quick else BUDGET_S
    rows = []
    for case in select(kernels, options):
        if on_case:
            on_case(case)
        rows += run_case(case, budget)
    return rows


def run_case(case: Case, budget_s: float) -> list[Row]:
    """A row per peer; or one row that says why there is nothing to compare."""
    try:
        with equal_threads(case.threads):
            contest = case.build()
            problem = _problem(OURS, contest.ours, contest)
            if problem:
                return [_row(case, problem=f"the result {problem}", wrong=True)]
            broken = {peer: _problem(peer, call, contest) for peer, call in contest.peers.items()}
            sound = {peer for peer, why in broken.items() if not why}
            samples = (contest.sample or partial(_times, case, contest, sound))(budget_s)
    except NotImplementedError:
        return [_row(case, problem="not written yet")]
    except Exception as error:  # a student's kernel may raise anything; the other cases go on
        return [_row(case, problem=f"{type(error).__name__}: {error}", wrong=True)]
    rows = list(_compare(case, contest, samples))
    rows += [_row(case, peer=peer, problem=f"{peer} {why}") for peer, why in broken.items() if why]
    return rows or [_alone(case, contest, samples)]


def _times(case: Case, contest: Contest, sound: Collection[str], budget_s: float) -> dict[str, np.ndarray]:
    """Samples of ours and of the sound peers, in the contest's memory and elsewhere."""
    share_s = budget_s / (1 + contest.copies)
    parts, places = [], [contest]  # all stay alive, so that the results move with the operands
    for place in places:
        contenders = {OURS: place.ours} | {peer: place.peers[peer] for peer in contest.peers if peer in sound}
        parts.append(_samples(contenders, case.threads, share_s))
        if contest.elsewhere and len(places) <= contest.copies:
            places.append(contest.elsewhere())
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _samples(contenders: dict[str, Callable], threads: int, budget_s: float) -> dict[str, np.ndarray]:
    """Samples of each contender, with pauses where the idle threads of one would be in the others' way."""
    if threads == 1:
        return interleaved(contenders, budget_s)
    rest_s = SPIN_S if BLAS in contenders else 0.0
    return interleaved(contenders, THREADED * budget_s, rest_s=rest_s, wake_s=WAKE_S)


def _problem(name: str, call: Callable[[], object], contest: Contest) -> str:
    return contest.verify(name, call())


def _row(case: Case, **values: Any) -> Row:
    return Row(case.kernel, case.size, case.unit, case.threads, section=case.section, **values)


def _alone(case: Case, contest: Contest, samples: dict[str, np.ndarray]) -> Row:
    """A kernel for whose case no peer is installed."""
    ours, *interval = median_ci(samples[OURS])
    missing = ", ".join(case.targets) or "a peer"
    return _row(
        case,
        median_s=ours,
        ci95_s=tuple(interval),
        work=contest.work,
        moved=contest.moved,
        note=f"{missing} is not here to compare with",
    )


def _compare(case: Case, contest: Contest, samples: dict[str, np.ndarray]) -> Iterator[Row]:
    """Ours against each peer: the median of the ratios of paired samples."""
    ours, *our_interval = median_ci(samples[OURS])
    for peer, times in samples.items():
        if peer == OURS:
            continue
        theirs, *their_interval = median_ci(times)
        share = contest.peer_work.get(peer)
        per_operation = contest.work / share if contest.work and share else 1.0
        ratio, *interval = median_ci(times / samples[OURS] * per_operation)
        target = case.targets.get(peer)
        at_most = case.at_most if target is not None else None
        yield _row(
            case,
            peer=peer,
            median_s=ours,
            ci95_s=tuple(our_interval),
            peer_s=theirs,
            peer_ci95_s=tuple(their_interval),
            ratio=ratio,
            ratio_ci95=tuple(interval),
            target=target,
            at_most=at_most,
            met=None if target is None else target <= ratio <= (at_most or np.inf),
            work=contest.work,
            moved=contest.moved,
            note=contest.note,
        )
