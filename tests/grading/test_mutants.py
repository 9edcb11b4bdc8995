"""Mutants: what changes they are, how they are remembered, and that hidden tests catch a sample of them."""

from pathlib import Path

import pytest
from grading.mutants import TESTS, Judge, Kept, Mutant, digest_of, equivalent, mutants

from tinytorch.grading.verdict import FAILED, TestVerdict

CELL = """\
def total(x, start):
    assert start > 0
    ### BEGIN SOLUTION
    result = start
    for i in range(x.size):
        result += min(
            x[i], 2
        )
    return result
    ### END SOLUTION
"""
CHEAP = ("matmul_baseline", "vectorized_relu", "quantized_relu", "parallel_batch_processing")


def changes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mutant in mutants("total", CELL):
        found.setdefault(mutant.was, []).append(mutant.now)
    return found


def test_a_mutant_changes_one_place_of_the_solution():
    assert set(changes()) == {
        "result = start",
        "for i in range(x.size):",
        "result += min( x[i], 2 )",
        "x[i], 2",
        "result += min(",
        "return result",
    }
    assert changes()["for i in range(x.size):"] == [
        "for i in range(x.size - 1):",
        "for i in range(0 + 1, x.size):",
    ]
    assert changes()["x[i], 2"] == ["x[i], 3", "x[i], 1"]
    assert "result -= min( x[i], 2 )" in changes()["result += min( x[i], 2 )"]
    assert changes()["return result"] == ["return None"]


def test_every_mutant_is_another_program():
    sources = [mutant.source for mutant in mutants("total", CELL)]
    assert CELL not in sources and len(set(sources)) == len(sources)
    for source in sources:
        compile(source, "mutant", "exec")


def test_what_is_known_holds_while_the_test_that_caught_it_does(tmp_path: Path, monkeypatch):
    kept, mutant = Kept(tmp_path / "build" / "mutants.jsonl"), Mutant("vectorized_relu", "a", "b", "b = 1")
    assert kept.find(mutant) is None
    kept.add(mutant, TestVerdict("test_definition", FAILED, "hint"))
    again = Kept(tmp_path / "build" / "mutants.jsonl")
    assert again.find(mutant)["caught_by"] == "test_definition"
    assert again.find(Mutant("vectorized_relu", "a", "b", "b = 2")) is None
    monkeypatch.setattr("grading.mutants.digest_of", lambda kernel, test: "another")
    assert again.find(mutant) is None


def test_the_digest_is_of_the_test_or_of_all_tests():
    digests = {test: digest_of("vectorized_relu", test) for test in ("test_definition", "test_empty", None)}
    assert len(set(digests.values())) == 3


def test_equivalent_mutants_are_mutants():
    """An entry that no line of the solutions matches any longer is out of date."""
    judge = Judge()
    made = {(m.kernel, m.was, m.now) for kernel, *_ in equivalent() for m in judge.all_mutants(kernel)}
    assert equivalent().keys() - made == set()
    assert all(equivalent().values())


@pytest.mark.slow
def test_hidden_tests_catch_a_sample():
    judge, known = Judge(), equivalent()
    for kernel in CHEAP:
        assert (TESTS / f"test_{kernel}.py").is_file()
        made = [m for m in judge.all_mutants(kernel) if (kernel, m.was, m.now) not in known]
        for mutant in made[:: len(made) // 3][:3]:
            assert judge.caught_by(mutant), mutant
