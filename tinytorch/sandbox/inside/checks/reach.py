"""Which functions of the notebook a kernel is made of, and in which cells they were written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

_cells: set[str] = set()  # the files of cells in which graded kernels were written


def note(kernel: Callable) -> None:
    """Remember the cell of this kernel as one of the student's."""
    function = plain(kernel)
    if function is not None:
        _cells.add(function.__code__.co_filename)


def is_students(file: str) -> bool:
    """Whether graded kernels were written in this cell (or script)."""
    return file in _cells


def plain(value: Any) -> FunctionType | None:
    """The Python function in a function or in one that Numba compiles; None for anything else."""
    value = getattr(value, "py_func", value)
    return value if isinstance(value, FunctionType) else None


def is_interpreted(value: Any) -> bool:
    """Whether this is a function of Python that was to be compiled."""
    return isinstance(value, FunctionType)


def involved(error: BaseException) -> set[str]:
    """The names of the functions that an error passed through, compiled ones as far as Numba names them."""
    names = set(re.findall(r"<function (\w+) at 0x", str(error)))
    trace = error.__traceback__
    while trace:
        names.add(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return names


def innermost(error: BaseException) -> FrameType:
    """The frame that the error was raised in."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame


def is_within(function: FunctionType, frame: FrameType) -> bool:
    """Whether this is the code of the function, or of one that is written inside it."""
    return frame.f_code in _codes(function.__code__)


def functions(kernel: Callable) -> tuple[set[str], set[str]]:
    """The names of the functions of the student's that `kernel` reaches: those of its own cell, and all."""
    own: set[str] = set()
    every: set[str] = set()
    home = plain(kernel)
    if home is None:
        return own, every
    waiting, seen = [home], {id(home)}
    while waiting:
        function = waiting.pop()
        if is_students(function.__code__.co_filename):
            every.add(function.__name__)
            if function.__code__.co_filename == home.__code__.co_filename:
                own.add(function.__name__)
        for value in _used_by(function):
            found = plain(value)
            if found is not None and id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)
    return own, every


def _used_by(function: FunctionType) -> Iterator[Any]:
    """The values of the global names and closed-over variables that a function uses."""
    for code in _codes(function.__code__):
        yield from (function.__globals__[name] for name in code.co_names if name in function.__globals__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
