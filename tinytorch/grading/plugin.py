"""The pytest plug-in: `--kernels FILE` chooses what the hidden tests test, and the fixtures reach it.

Without `--kernels` they test the installed package, through the same protocol.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tinytorch.course.errors import UserError
from tinytorch.course.module import load_module
from tinytorch.grading import judge
from tinytorch.grading.fixtures import Kernels, Race, TooSlow
from tinytorch.grading.hidden import GRADER
from tinytorch.sandbox.faults import where
from tinytorch.sandbox.kinds import SANDBOXES
from tinytorch.sandbox.session import Session


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tinytorch", "grading kernels")
    group.addoption("--kernels", metavar="FILE", type=Path, help="notebook or .py whose kernels are tested")
    protection = "where the code of --kernels runs; none: unprotected, with your own rights"
    group.addoption("--sandbox", choices=SANDBOXES, default="bubblewrap", help=protection)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "weight(n): how much a hidden test counts, 1 by default")


@pytest.fixture(scope="session")
def kernels(request: pytest.FixtureRequest) -> Iterator[Kernels]:
    """The kernels under test, called like functions of a module."""
    grader = request.config.stash.get(GRADER, None)
    if grader:
        yield grader.kernels
        return
    notebook = request.config.getoption("--kernels")
    try:
        module = load_module("kernels", start=notebook and notebook.resolve().parent)
        opened = judge.open_session(notebook, module, request.config.getoption("--sandbox"))
    except UserError as error:
        raise pytest.UsageError(str(error)) from None
    with contextlib.closing(opened) as session:
        yield Kernels(session)


@pytest.fixture(scope="session")
def race(request: pytest.FixtureRequest, kernels: Kernels) -> Race:
    """`race(function, args, check, yardstick, factor)`: asserts that the kernel is so much faster."""
    grader = request.config.stash.get(GRADER, None)
    if grader:
        return grader.race
    folder = Path(request.config.rootpath) / "tests" / "hidden"
    return Race(kernels, lambda: judge.yardsticks(folder, cast(Session, kernels.runner)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes a `share` runs for each step of its kernel's ladder of speed, with the weight."""
    if "share" not in metafunc.fixturenames:
        return
    grader = metafunc.config.stash.get(GRADER, None)
    speed = grader.race.speed if grader else load_module("kernels", start=metafunc.config.rootpath).speed
    steps = speed[Path(metafunc.module.__file__).stem.removeprefix("test_")]
    weighted = [pytest.param(share, marks=pytest.mark.weight(weight)) for share, weight in steps.items()]
    metafunc.parametrize("share", weighted)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """A test during which the submission hung, died or cheated has failed, whatever it caught."""
    report = yield
    fault = None
    proxy = getattr(item, "funcargs", {}).get("kernels")
    if isinstance(proxy, Kernels):
        fault = proxy.faults[-1] if proxy.faults else None
        proxy.faults.clear()
        if fault and report.passed:
            report.outcome, report.longrepr = "failed", str(fault)
    if item.config.stash.get(GRADER, None):  # only a grader reads these, and xdist could not send them
        report.fault = fault
        report.cell_error = call.excinfo and where(call.excinfo.value)
        error = call.excinfo and call.excinfo.value
        report.slow = error.share if isinstance(error, TooSlow) else 0.0
    return report
