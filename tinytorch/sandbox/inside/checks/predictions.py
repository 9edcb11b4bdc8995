"""The student's guesses, kept until they are measured: `predict`, `measured`, `predictions`. Never graded.

A guess stands in its cell of the notebook, and that is where it is kept; here it lives as long as the kernel,
and running cells again changes nothing but what was changed in them.
"""

from __future__ import annotations

from typing import Any

_guesses: dict[str, Any] = {}
_measured: dict[str, tuple[Any, str]] = {}


def predict(question: str, guess: Any = None) -> None:
    """Keep a guess (a number or a word) until `measured(question, ...)` sets what was measured beside it.

    None, the value in a cell that nobody has filled in, is no guess.
    """
    if guess is None:
        _guesses.pop(question, None)
        print(f"{question}: no guess yet. What do you expect?")
    else:
        _guesses[question] = guess
        print(f"{question}: you say {_in_words(guess)}.")


def measured(question: str, value: Any, unit: str = "") -> None:
    """Say what this machine measured, beside the guess if there is one. `unit` follows both ("x", "ms")."""
    _measured[question] = value, unit
    print(f"{question}: {_beside(question)}.")


def predictions() -> None:
    """List all guesses and what was measured."""
    questions = list(dict.fromkeys([*_guesses, *_measured]))
    if not questions:
        print("No predictions yet: the cells marked *Predict* ask for them.")
    for question in questions:
        print(f"{question}: {_beside(question)}")


def _beside(question: str) -> str:
    value, unit = _measured.get(question, (None, ""))
    guess = _guesses.get(question)
    said = "you made no guess" if guess is None else f"you said {_in_words(guess, unit)}"
    if question not in _measured:
        return f"{said}; not measured yet"
    return f"{said}, this machine says {_in_words(value, unit)}{_apart(guess, value)}"


def _in_words(value: Any, unit: str = "") -> str:
    text = str(value)
    if _is_number(value):
        text = f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.3g}"
    return f"{text} {unit}".strip()


def _apart(guess: Any, value: Any) -> str:
    """By which factor a guess is off, where that is more than a quarter."""
    if not (_is_number(guess) and _is_number(value) and guess > 0 and value > 0):
        return ""
    factor = max(guess / value, value / guess)
    return f" ({factor:.2g} times {'more' if value > guess else 'less'})" if factor > 1.25 else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
