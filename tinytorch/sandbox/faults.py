"""What can go wrong with code that nobody trusts: errors of its own, and calls that end in neither."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinytorch.sandbox.inside.causes import cause


@dataclass
class CellError:
    """An exception that a submission's code raised, and where: the cell's label, the line in that cell.

    `message` says in a sentence what was wrong; `detail` is all that the exception said, where that is more.
    """

    type: str
    message: str
    line: int | None
    cell: str
    text: str = ""  # that line of the submission
    detail: str = ""

    def __str__(self) -> str:
        """The student's own line first, then what was wrong there."""
        place = f"{self.cell}, line {self.line}" if self.line else self.cell
        parts = [place, f"`{self.text}`" if self.text else "", self.type, self.message]
        return ": ".join(filter(None, parts))


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


def harmless(kind: str, message: str, source: str) -> str:
    """The part of an error's message that cannot carry a hidden test's input out, empty if there is none.

    A submission chooses its messages. What is told is a sentence of ours, with words of the cell alone: that
    says no more than the number of the line does.
    """
    return cause(kind, message, told=set(re.findall(r"\w+", source)))


def where(error: BaseException) -> CellError | None:
    """Where in the notebook an error that a call raised came from, if it came from there."""
    return getattr(error, "cell_error", None)
