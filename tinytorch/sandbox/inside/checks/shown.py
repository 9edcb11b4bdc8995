"""How a failing check looks in Jupyter: the student's own line, what is wrong, a picture; the rest folded."""

from __future__ import annotations

import html
import linecache
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.sandbox.inside.causes import cause
from tinytorch.sandbox.inside.checks import reach
from tinytorch.sandbox.inside.checks.expect import WrongNumbers
from tinytorch.sandbox.inside.checks.places import as_matrix
from tinytorch.sandbox.inside.location import locate


def in_jupyter(name: str, failure: Exception) -> None:
    """Make IPython show this failure in its short form; in a notebook, also draw it and fold the rest.

    The exception itself stays as it is: a debugger and `raise` find all of it.
    """
    shell = _shell()
    if shell is None:
        return
    lines = [f"{name}: {line}" if number == 0 else line for number, line in enumerate(explained(failure))]
    vars(failure)["_render_traceback_"] = lambda: lines
    if type(shell).__module__.startswith("ipykernel"):
        from IPython.display import HTML, display

        if isinstance(failure, WrongNumbers) and failure.wrong.size > 3 and not failure.wrong.all():
            display(picture(failure.wrong))
        if not isinstance(failure, AssertionError):
            whole = "".join(traceback.format_exception(failure))
            folded = (
                f"<details><summary>the whole traceback</summary><pre>{html.escape(whole)}</pre></details>"
            )
            display(HTML(folded))


def _shell() -> Any:
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def explained(failure: Exception) -> list[str]:
    """The student's own line, and what was wrong there; an assertion of a check speaks for itself."""
    if isinstance(failure, AssertionError):
        return str(failure).splitlines() or ["the check failed"]
    kind, message = type(failure).__name__, str(failure)
    sentence = f"{kind}: {cause(kind, message) or message.strip() or 'it says no more'}"
    place = locate(failure, is_cell, lambda file: not reach.is_students(file))
    if place is None:
        return [sentence]
    file, line = place
    text = linecache.getline(file, line).strip()
    return [f"{_cell(file)}, line {line}: `{text}`", sentence]


def is_cell(file: str) -> bool:
    """Whether this file is a cell of a notebook, or the script that a kernel was written in."""
    shell = _shell()
    return reach.is_students(file) or file in getattr(getattr(shell, "compile", None), "_filename_map", ())


def _cell(file: str) -> str:
    number = getattr(getattr(_shell(), "compile", None), "_filename_map", {}).get(file)
    return f"the cell In [{number}]" if number else Path(file).name


def picture(wrong: np.ndarray) -> Any:
    """A small figure of which elements are wrong, in black."""
    from matplotlib.figure import Figure

    matrix = as_matrix(wrong)
    figure = Figure(figsize=(3.2, 2.4), layout="constrained")
    axes = figure.add_subplot(xlabel="column", ylabel="row" if wrong.ndim > 1 else "")
    axes.imshow(matrix, cmap="Greys", aspect="auto", interpolation="nearest", vmin=0, vmax=1)
    axes.set_title("wrong elements, in black", fontsize="small")
    axes.tick_params(labelsize="small")
    if wrong.ndim < 2:
        axes.set_yticks([])
    return figure
