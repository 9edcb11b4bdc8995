"""Runs hidden tests with pytest in the grader's own process, and collects a verdict for each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from threadpoolctl import threadpool_limits

from tinytorch.course.errors import UserError
from tinytorch.grading.fixtures import Kernels, Race
from tinytorch.grading.verdict import ERROR, FAILED, OUT_OF_TIME, PASSED, TestVerdict
from tinytorch.sandbox.faults import CellError, Fault, OutOfTime

GRADER = pytest.StashKey["Grader"]()
WITHOUT = (  # what is not needed to run functions and catch their exceptions: half of pytest's own time
    "cacheprovider", "terminal", "faulthandler", "unraisableexception", "threadexception", "logging",
    "junitxml", "pastebin", "stepwise", "doctest", "unittest", "debugging", "setuponly", "setupplan",
)  # fmt: skip


def file_of(hidden: Path, function: str) -> Path:
    """Where the tests of a graded function are."""
    return hidden / f"test_{function}.py"


class Grader:
    """Plug-in of one run: hands out the fixtures, refuses what it is told to, and notes every outcome."""

    def __init__(
        self,
        kernels: Kernels,
        race: Race,
        refused: dict[str, CellError],
        on_test: Callable | None,
        first: Sequence[str],
    ):
        self.kernels, self.race, self.refused, self.on_test = kernels, race, refused, on_test
        self.turn = {name: number for number, name in enumerate(first)}
        self.reports: dict[str, TestVerdict] = {}  # by node id; an error until the test has passed or failed
        self.functions: dict[str, str] = {}
        self.broken: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[GRADER] = self
        config.option.tbstyle = "value"  # nobody reads tracebacks here, and each takes 20 ms to render

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            weight = item.get_closest_marker("weight")
            function = item.path.stem.removeprefix("test_")
            hint = (getattr(item, "function", item).__doc__ or item.name).strip().splitlines()[0]
            if case := getattr(item, "callspec", None):
                hint = hint.format(**case.params)
            report = TestVerdict(item.name, ERROR, hint, float(weight.args[0]) if weight else 1.0)
            if function in self.refused:
                report.outcome, report.error = FAILED, self.refused[function]
            self.reports[item.nodeid], self.functions[item.nodeid] = report, function
        items[:] = [item for item in items if self.functions[item.nodeid] not in self.refused]
        items.sort(key=lambda item: self.turn.get(item.name, len(self.turn)))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.on_test:
            self.on_test(self.functions[nodeid], self.reports[nodeid].name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        verdict = self.reports[report.nodeid]
        if report.when == "call":
            verdict.outcome = PASSED if report.passed and not hasattr(report, "wasxfail") else FAILED
            verdict.slow = getattr(report, "slow", 0.0)
        elif not report.passed:
            verdict.outcome = ERROR
        fault: Fault | None = getattr(report, "fault", None)
        if isinstance(fault, OutOfTime):
            verdict.outcome = OUT_OF_TIME
        error = getattr(report, "cell_error", None)
        verdict.error = error or verdict.error
        if fault and not verdict.error:
            verdict.error = CellError(type(fault).__name__, str(fault), None, self.functions[report.nodeid])


def run(
    hidden: Path,
    functions: list[str],
    kernels: Kernels,
    race: Race,
    refused: dict[str, CellError] | None = None,
    on_test: Callable[[str, str], None] | None = None,
    first: Sequence[str] = (),
    until_failure: bool = False,
) -> dict[str, list[TestVerdict]]:
    """The verdicts of these functions' hidden tests. Those of `refused` count as failed, without running.

    `on_test` is called with the function's and the test's name before each test. The tests named in `first`
    run before the others, in that order. With `until_failure` the first that fails is the last that runs.

    Raises UserError where a function has no tests, or its tests cannot be imported: that is no
    submission's fault, and must not look like one.
    """
    missing = [name for name in functions if not file_of(hidden, name).is_file()]
    if missing:
        raise UserError(f"{hidden} has no tests for {', '.join(missing)}.", "Restore the hidden tests.")
    if not functions:
        return {}
    grader = Grader(kernels, race, refused or {}, on_test, first)
    arguments = ["-c", os.devnull, f"--rootdir={hidden}", f"--confcutdir={hidden}", "--noconftest", "-s"]
    arguments += ["-ptinytorch.grading.plugin", *(f"-pno:{name}" for name in WITHOUT)]
    arguments += ["--maxfail=1"] if until_failure else []
    arguments += [str(file_of(hidden, name)) for name in functions]
    with _modules_of(hidden), _bare_environment(), threadpool_limits(1):  # idle BLAS threads spin
        status = pytest.main(arguments, plugins=[grader])
    if grader.broken or (
        status > pytest.ExitCode.TESTS_FAILED and status != pytest.ExitCode.NO_TESTS_COLLECTED
    ):
        problem = ", ".join(grader.broken) or f"pytest ended with {status!r}"
        raise UserError(f"Hidden tests cannot run: {problem}.", f"Try `python -m pytest {hidden}`.")
    found: dict[str, list[TestVerdict]] = {name: [] for name in functions}
    for node, report in grader.reports.items():
        found[grader.functions[node]].append(report)
    empty = [name for name, reports in found.items() if not reports]
    if empty:
        raise UserError(f"{hidden} has no tests for {', '.join(empty)}.", "Restore the hidden tests.")
    return found


@contextmanager
def _bare_environment() -> Iterator[None]:
    """No plug-ins and options but ours; an outer pytest finds its own variables again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_CURRENT_TEST"):
            patch.delenv(name, raising=False)
        yield


_imported: dict[tuple, dict[str, ModuleType]] = {}  # test modules, by folder and state of its files


@contextmanager
def _modules_of(hidden: Path) -> Iterator[None]:
    """While tests run, their module names mean the files of this folder; a class imports them once."""
    files = sorted(hidden.glob("*.py"))
    key = (hidden, *((file.name, file.stat().st_mtime_ns) for file in files))
    path = list(sys.path)
    before = {file.stem: sys.modules.pop(file.stem, None) for file in files}
    sys.modules |= _imported.get(key, {})
    try:
        yield
    finally:
        _imported[key] = {name: sys.modules.pop(name) for name in before if name in sys.modules}
        sys.modules |= {name: module for name, module in before.items() if module}
        sys.path[:] = path
