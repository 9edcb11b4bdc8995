"""A pytest plug-in: what each test function asks and said, as JSON in the file of `--outcomes`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the plug-in is read by `tito` too, which need not wait for pytest
    import pytest


@dataclass
class PartTest:
    """One test function: what it asks, how many of its cases passed, the first failure's message."""

    name: str
    hint: str
    passed: int = 0
    cases: int = 0
    message: str = ""

    @property
    def outcome(self) -> str:
        return "passed" if self.cases and self.passed == self.cases else "failed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, help="write the outcomes to this file")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--outcomes"):
        config.pluginmanager.register(_Outcomes(config.getoption("--outcomes")))


class _Outcomes:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.tests: dict[str, PartTest] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            name = _key(item.nodeid).rpartition("::")[2]
            doc = (getattr(getattr(item, "obj", None), "__doc__", None) or "").strip()
            hint = doc.splitlines()[0] if doc else name.removeprefix("test_").replace("_", " ")
            self.tests.setdefault(_key(item.nodeid), PartTest(name, hint)).cases += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            name = Path(report.nodeid).name
            self.tests[report.nodeid] = PartTest(name, "The tests can be read.", 0, 1, _message(report))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self.tests[_key(report.nodeid)]
        if report.failed:
            test.message = test.message or _message(report)
        elif report.when == "call" and report.passed:
            test.passed += 1

    def pytest_sessionfinish(self) -> None:
        self.file.write_text(json.dumps([asdict(test) for test in self.tests.values()]), encoding="utf-8")


def _key(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def _message(report: pytest.CollectReport | pytest.TestReport) -> str:
    """The first line of what went wrong; the last one where pytest gives only its own words."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else str(report.longrepr)).strip().splitlines()
    return (lines[0] if crash else lines[-1]) if lines else "no message"
