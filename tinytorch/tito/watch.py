"""`tito test --watch`: at each save of the notebook or its script a line per kernel, until Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tinytorch.course.errors import UserError
from tinytorch.course.module import Module
from tinytorch.tito.options import console, mark
from tinytorch.tito.round import Round
from tinytorch.tito.terminal import stop
from tinytorch.tito.test import failures, one_line

SETTLE_MS = 50  # an editor writes a file in several steps
LOOK_S = 0.5  # a wait without end could not be stopped on Windows


def watch_module(module: Module, names: list[str]) -> NoReturn:
    """Test now and at each save. Ends with KeyboardInterrupt."""
    stop.kept = "Your files are as you saved them, and the verdicts so far are remembered."
    files = {str(module.notebook), str(module.script)}
    watched = f"Watching {module.notebook.name} and {module.script.name}; Ctrl-C ends it."
    console().print(watched, soft_wrap=True, markup=False)
    tests = Round(module)
    with saves(module.root, files) as saved:
        _tell(tests, names)
        cold = True
        while True:
            while not saved.wait(0 if cold else LOOK_S):
                stop.check()
                cold = cold and tests.warm_up_a_step()
            saved.clear()
            if tests.saved():  # and it was not the round itself that wrote
                _tell(tests, names)


@contextmanager
def saves(folder: Path, files: set[str]) -> Iterator[threading.Event]:
    """An event that every save of one of the files sets, from here on; none is missed."""
    from watchfiles import watch

    saved, ended, started = threading.Event(), threading.Event(), threading.Event()

    def listen() -> None:
        changes = watch(
            folder,
            watch_filter=lambda _, path: path in files,
            recursive=False,
            debounce=SETTLE_MS * 4,
            step=SETTLE_MS,
            stop_event=ended,
            rust_timeout=200,
            yield_on_timeout=True,
        )
        for found in changes:
            started.set()
            if found:
                saved.set()

    thread = threading.Thread(target=listen, name="saves", daemon=True)
    thread.start()
    started.wait(LOOK_S)
    try:
        yield saved
    finally:
        ended.set()
        thread.join()


def _tell(tests: Round, names: list[str]) -> None:
    """Test, and print a line per kernel, with what is wrong with those that ran."""
    from rich.markup import escape

    page, began = console(), time.perf_counter()
    try:
        tested = tests.run(names)
    except UserError as error:
        stop.check()
        page.print(f"{mark(False)} {escape(str(error))}", soft_wrap=True)
        return
    stop.check()
    for cell in tested.verdict.cells:
        again = cell.name not in tested.remembered
        page.print(one_line(cell) + ("" if again else " (remembered)"), soft_wrap=True)
        for line in failures(cell) if again and cell.attempted else ():
            page.print(f"    {escape(line)}", soft_wrap=True)
    for line in filter(None, [tests.unexported, *map(str, tested.verdict.broken)]):
        page.print(f"{mark(False)} {escape(line)}", soft_wrap=True)
    well = sum(cell.flawless() for cell in tested.verdict.cells)
    seconds = time.perf_counter() - began
    page.print(
        f"{time.strftime('%H:%M:%S')}: {well} of {len(tested.verdict.cells)} kernels pass ({seconds:.1f} s)"
    )
