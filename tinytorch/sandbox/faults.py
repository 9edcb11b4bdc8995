"""What can go wrong with code that nobody trusts: errors of its own, and calls that end in neither."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass
class CellError:
    """An exception that a submission's code raised, and where: the cell's label, the line in that cell."""

    type: str
    message: str
    line: int | None
    cell: str
    text: str = ""  # that line of the submission

    def __str__(self) -> str:
        place = f"{self.cell}, line {self.line}" if self.line else self.cell
        return f"{place}: {self.type}: {self.message}" if self.message else f"{place}: {self.type}"


class Fault(Exception):
    """A call ended neither in a result nor in an error of the kernel's own: its test cannot pass."""


class OutOfTime(Fault, TimeoutError):
    """The call took too long, or the submission's budget is spent."""


class Died(Fault, ConnectionError):
    """The process ended, used more than it may, or sent something that is no reply."""


class Unavailable(Fault):
    """The function is not there: the cell that defines it failed."""


class Unusable(Fault):
    """The result is not plain data, or an argument was changed that is not the kernel's own."""


ABOUT_NAMES = {  # what Python and Numba say where a name is wrong, and what is left of it
    "NameError": (r"name '(\w+)' is not defined", "name '{}' is not defined"),
    "TypingError": (r"NameError: name '(\w+)' is not defined", "name '{}' is not defined"),
    "UnboundLocalError": (r"variable '(\w+)' where it is not", "local variable '{}' has no value yet"),
    "AttributeError": (r"has no attribute '(\w+)'", "no attribute '{}'"),
    "ModuleNotFoundError": (r"No module named '(\w+)'", "no module '{}'"),
}


def harmless(kind: str, message: str, source: str) -> str:
    """The part of an error's message that cannot carry a hidden test's input out, empty if there is none.

    A submission chooses its messages. The name that it lacks may be told if it is a word of the cell, because
    that says no more than the number of the line does.
    """
    pattern, said = ABOUT_NAMES.get(kind, ("(?!)", ""))
    found = re.search(pattern, message)
    return said.format(found[1]) if found and found[1] in re.findall(r"\w+", source) else ""


def where(error: BaseException) -> CellError | None:
    """Where in the notebook an error that a call raised came from, if it came from there."""
    return getattr(error, "cell_error", None)
