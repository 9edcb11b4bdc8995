"""A guess is set beside what was measured, whenever either cell is run again."""

import importlib

import pytest

predictions = importlib.import_module("tinytorch.sandbox.inside.checks.predictions")


@pytest.fixture(autouse=True)
def nothing_guessed(monkeypatch):
    monkeypatch.setattr(predictions, "_guesses", {})
    monkeypatch.setattr(predictions, "_measured", {})


def said(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_guess_meets_its_measurement(capsys):
    predictions.predict("flops per float", 4)
    predictions.measured("flops per float", 26.0)
    assert said(capsys) == [
        "flops per float: you say 4.",
        "flops per float: you said 4, this machine says 26 (6.5 times more).",
    ]


@pytest.mark.parametrize(
    ("guess", "value", "unit", "text"),
    [
        (10, 9.5, "ms", "you said 10 ms, this machine says 9.5 ms"),
        (1000, 1.25, "", "you said 1,000, this machine says 1.25 (8e+02 times less)"),
        ("sorting", "the product", "", "you said sorting, this machine says the product"),
        (0, 3, "", "you said 0, this machine says 3"),
        (True, False, "", "you said True, this machine says False"),
        (2, float("inf"), "", "you said 2, this machine says inf (inf times more)"),
        (None, 3, "x", "you made no guess, this machine says 3 x"),
    ],
)
def test_what_is_said(guess, value, unit, text, capsys):
    predictions.predict("q", guess)
    predictions.measured("q", value, unit)
    assert said(capsys)[-1] == f"q: {text}."


def test_cells_may_run_again_and_in_any_order(capsys):
    predictions.measured("q", 8)
    predictions.predict("q", 2)
    predictions.predict("q", 4)
    predictions.predictions()
    assert said(capsys)[-1] == "q: you said 4, this machine says 8 (2 times more)"


def test_a_guess_that_was_taken_back_is_none(capsys):
    predictions.predict("q", 4)
    predictions.predict("q", None)
    predictions.measured("q", 8)
    assert said(capsys)[-2:] == [
        "q: no guess yet. What do you expect?",
        "q: you made no guess, this machine says 8.",
    ]


def test_all_of_them_are_listed(capsys):
    predictions.predictions()
    assert said(capsys) == ["No predictions yet: the cells marked *Predict* ask for them."]
    predictions.predict("first", 1)
    predictions.measured("second", 2)
    capsys.readouterr()
    predictions.predictions()
    assert said(capsys) == [
        "first: you said 1; not measured yet",
        "second: you made no guess, this machine says 2",
    ]
