"""The bank: wrong submissions lose points where they are wrong and nowhere else, right ones lose none.

A sample of it; all of it takes half an hour: `python -m pytest tests/grading -m slow --whole`.
"""

from collections.abc import Iterator

import pytest
from grading.bank.alternatives import ALTERNATIVES
from grading.bank.mistakes import MISSED_THE_POINT, Mistake
from grading.bank.mistakes import rounds as rounds_of_mistakes
from grading.bank.right import packed
from grading.bank.shortcuts import notebook_of
from grading.bank.shortcuts import rounds as rounds_of_shortcuts
from grading.bank.submissions import ROOT, Bank, kernel_names, student, students_submission
from nbformat import NotebookNode

from tinytorch.course.notebook import read_notebook

pytestmark = pytest.mark.slow
SOLUTIONS = "the solutions"
OTHERS = {f"right {number}": kernels for number, kernels in enumerate(ALTERNATIVES)}
HABITS = {str(habits): habits for habits in packed()}
WRONG = {f"wrong {number}": mistakes for number, mistakes in enumerate(rounds_of_mistakes())}
SHORTCUTS = {f"shortcuts {number}": taken for number, taken in enumerate(rounds_of_shortcuts())}
SAMPLE = {SOLUTIONS, *list(HABITS)[:1], *list(WRONG)[:1], *list(SHORTCUTS)[:1]}


def notebook(name: str) -> NotebookNode:
    """The submission of this name."""
    if name in WRONG:
        return students_submission(
            {mistake.kernel: mistake.made_in(student(mistake.kernel)) for mistake in WRONG[name]}
        )
    if name in SHORTCUTS:
        return notebook_of(SHORTCUTS[name])
    if name in HABITS:
        return HABITS[name].notebook()
    return students_submission(OTHERS[name]) if name in OTHERS else read_notebook(ROOT / "kernels_dev.py")


@pytest.fixture(scope="module")
def bank(asked_for: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The submissions on their way through the grader."""
    bank = Bank(tmp_path_factory.mktemp("bank"))
    with bank.pool:
        for name in asked_for:
            bank.submit(name, notebook(name))
        yield bank


@pytest.mark.parametrize("kernel", kernel_names())
@pytest.mark.parametrize("name", [SOLUTIONS, *OTHERS])
def test_right_submissions_lose_nothing(bank: Bank, name: str, kernel: str):
    verdict = bank.verdict(name)
    assert verdict.report.broken == []
    assert verdict.problems(kernel) == []
    assert verdict.cell(kernel).earned == verdict.cell(kernel).possible


@pytest.mark.parametrize("kernel", kernel_names())
@pytest.mark.parametrize("name", HABITS)
def test_other_habits_lose_nothing(bank: Bank, name: str, kernel: str):
    """Loops in other words may be slower ones, and reach fewer steps of the ladder of speed."""
    ladder = "test_speed[" if kernel in HABITS[name].kernels else None
    failed = bank.verdict(name).failed(kernel)
    assert [test for test in failed if not (ladder and test.startswith(ladder))] == []


@pytest.mark.parametrize(
    ("name", "mistake"),
    [pytest.param(name, each, id=str(each)) for name, mistakes in WRONG.items() for each in mistakes],
)
def test_mistakes_are_caught_and_named(bank: Bank, name: str, mistake: Mistake):
    verdict = bank.verdict(name)
    most = 2 / 3 if mistake.name in MISSED_THE_POINT else 0.999
    assert verdict.cell(mistake.kernel).earned <= most * verdict.cell(mistake.kernel).possible
    assert mistake.caught_by in verdict.failed(mistake.kernel)


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_cost_nothing_elsewhere(bank: Bank, name: str):
    verdict = bank.verdict(name)
    for kernel in set(kernel_names()) - {mistake.kernel for mistake in WRONG[name]}:
        assert verdict.problems(kernel) == []
        assert verdict.cell(kernel).earned == verdict.cell(kernel).possible


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        pytest.param(name, kernel, id=f"{kernel}: {shortcut}")
        for name, taken in SHORTCUTS.items()
        for kernel, shortcut in taken.items()
    ],
)
def test_library_products_earn_nothing(bank: Bank, name: str, kernel: str):
    """The reader refuses it, or what it hopes for has not run where it is judged."""
    cell = bank.verdict(name).cell(kernel)
    assert cell.attempted and cell.earned == 0
