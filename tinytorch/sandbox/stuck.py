"""Where code was that did not end, or that ended its process.

It is read from the dumps that `inside/lookout.py` writes into what the process prints. They are a
submission's output, and may be forged: no more is taken from them than a line of its own cells.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from tinytorch.course.cells import LONGEST

ENOUGH = 3  # dumps, one a second
ROOM_KB = 64  # for the dumps, beside what the submission prints
DUMP = re.compile(
    r"(?:Timeout \(\d+:\d\d:\d\d(?:\.\d+)?\)!|Fatal Python error: [^\n]*)\n+"
    r"(?:(?:Current t|T)hread [^\n]*\n(?:  [^\n]*\n)*\n?)+(?:Extension modules: [^\n]*)?"
)
FRAME = re.compile(r'  File "(?P<file>[^"\n]*)", line (?P<line>\d+) in ')

Place = tuple[str, int]  # the label of a cell, and a line of it


def without_dumps(printed: str) -> str:
    """What a submission printed, and no more."""
    return DUMP.sub("", printed)


def last_place(printed: str, files: Mapping[str, str], given: set[str]) -> Place | None:
    """The line that ran when the last dump was written.

    Args:
        files: the labels of the cells, by the names of the files that they ran as.
        given: the labels of cells that are not the student's own.

    It is the innermost line of a cell in the thread that is busy with one, or else in the main thread, which
    stands last.
    """
    dumps = DUMP.findall(printed)
    if not dumps:
        return None
    threads = _threads(dumps[-1], files)
    busy = [frames for frames in threads if frames[0] is not None]
    frames = [place for place in (busy[0] if busy else threads[-1] if threads else []) if place]
    own = [place for place in frames if place[0] not in given]
    return next(iter(own or frames), None)


def stays_busy(printed: str, files: Mapping[str, str], given: set[str]) -> bool:
    """Whether a line of the student's, or what is compiled of it, ran at each of the last dumps.

    A compiler at work is no such line.
    """
    dumps = DUMP.findall(printed)[-ENOUGH:]
    running = [[frames[0] for frames in _threads(dump, files)] for dump in dumps]
    return len(dumps) == ENOUGH and all(any(at and at[0] not in given for at in places) for places in running)


def _threads(dump: str, files: Mapping[str, str]) -> list[list[Place | None]]:
    """The frames of each thread in a dump; the main thread is the last."""
    return list(filter(None, (_frames(text, files) for text in re.split(r"\n\n(?=\w)", dump))))


def _frames(thread: str, files: Mapping[str, str]) -> list[Place | None]:
    """A thread's frames, the innermost first; None for those that are in no cell."""
    return [_place(found["file"], int(found["line"]), files) for found in FRAME.finditer(thread)]


def _place(file: str, line: int, files: Mapping[str, str]) -> Place | None:
    label = files.get(re.split(r"[/\\]", file)[-1])
    return (label, line) if label else None


def endless_loop(source: str, line: int) -> int | None:
    """The line of the one `while` in what this line of the cell calls, or None where there is no such one.

    A compiled loop has no lines while it runs; the line that is known is the call.
    """
    if len(source) > LONGEST:
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    running = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    waiting = [functions[name] for name in map(_called, running) if name in functions]
    seen: list[ast.FunctionDef] = []
    while waiting:
        function = waiting.pop()
        if function not in seen:
            seen.append(function)
            calls = (_called(node) for node in ast.walk(function) if isinstance(node, ast.Call))
            waiting += [functions[name] for name in calls if name in functions]
    loops = [node.lineno for function in seen for node in ast.walk(function) if isinstance(node, ast.While)]
    return loops[0] if len(loops) == 1 else None


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""
