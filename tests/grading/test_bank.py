"""The bank: wrong submissions lose points where they are wrong and nowhere else, right ones lose none."""

from collections.abc import Iterator

import pytest
from grading.bank.alternatives import ALTERNATIVES
from grading.bank.mistakes import MISSED_THE_POINT, MISTAKES, Mistake, rounds
from grading.bank.right import Right, packed
from grading.bank.submissions import ROOT, Bank, kernel_names, student, students_submission

from tinytorch.course.notebook import read_notebook

pytestmark = pytest.mark.long
ROUNDS = rounds()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """Every wrong and every right submission, on its way through the grader."""
    bank = Bank(tmp_path_factory.mktemp("bank"))
    with bank.pool:
        bank.submit("the solutions", read_notebook(ROOT / "kernels_dev.py"))
        for number, kernels in enumerate(ALTERNATIVES):
            bank.submit(f"right {number}", students_submission(kernels))
        for habits in packed():
            bank.submit(str(habits), habits.notebook())
        for number, mistakes in enumerate(ROUNDS):
            broken = {mistake.kernel: mistake.made_in(student(mistake.kernel)) for mistake in mistakes}
            bank.submit(f"wrong {number}", students_submission(broken))
        yield bank


@pytest.mark.parametrize("kernel", kernel_names())
def test_the_solutions_get_all_points(bank: Bank, kernel: str):
    verdict = bank.verdict("the solutions")
    assert verdict.report.broken == []
    assert verdict.problems(kernel) == []
    assert verdict.cell(kernel).earned == verdict.cell(kernel).possible


@pytest.mark.parametrize(
    ("number", "kernel"),
    [(number, kernel) for number, kernels in enumerate(ALTERNATIVES) for kernel in kernel_names()],
)
def test_right_submissions_lose_nothing(bank: Bank, number: int, kernel: str):
    verdict = bank.verdict(f"right {number}")
    assert verdict.problems(kernel) == []
    assert verdict.cell(kernel).earned == verdict.cell(kernel).possible


@pytest.mark.parametrize("kernel", kernel_names())
@pytest.mark.parametrize("habits", packed(), ids=str)
def test_other_habits_lose_nothing(bank: Bank, habits: Right, kernel: str):
    """Loops in other words may be slower ones, and reach fewer steps of the ladder of speed."""
    verdict = bank.verdict(str(habits))
    ladder = "test_speed[" if kernel in habits.kernels else None
    assert [test for test in verdict.failed(kernel) if not (ladder and test.startswith(ladder))] == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_mistakes_are_caught_and_named(bank: Bank, mistake: Mistake):
    number = next(number for number, mistakes in enumerate(ROUNDS) if mistake in mistakes)
    verdict = bank.verdict(f"wrong {number}")
    most = 2 / 3 if mistake.name in MISSED_THE_POINT else 0.999
    assert verdict.cell(mistake.kernel).earned <= most * verdict.cell(mistake.kernel).possible
    assert mistake.caught_by in verdict.failed(mistake.kernel)


@pytest.mark.parametrize("number", range(len(ROUNDS)))
def test_mistakes_cost_nothing_elsewhere(bank: Bank, number: int):
    verdict = bank.verdict(f"wrong {number}")
    for kernel in set(kernel_names()) - {mistake.kernel for mistake in ROUNDS[number]}:
        assert verdict.problems(kernel) == []
        assert verdict.cell(kernel).earned == verdict.cell(kernel).possible
