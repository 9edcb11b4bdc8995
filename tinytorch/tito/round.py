"""One round of `tito test`: sync, judge what changed, export. A watch makes many, with one warm process."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tinytorch.course.errors import UserError
from tinytorch.course.module import Module
from tinytorch.grading.memory import Memory, Tested, digest_of_file, environment, keys, note_files, unchanged

if TYPE_CHECKING:
    from tinytorch.grading.judge import Progress
    from tinytorch.grading.submission import Submission

SAVES, SAVING_S = 10, 0.1  # more than anybody makes while a notebook is read; what an editor takes for one
SWITCH_S = 2e-4  # Python's own 5 ms, twice for each of 70 cells, would be half a second


@contextmanager
def often_switching() -> Iterator[None]:
    """Let a thread that got an answer go on at once, though another one computes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Round:
    """Tests the module as it is now. What takes long is started first, and awaited where it is needed.

    unexported: why the last round exported nothing, empty where it did
    """

    def __init__(self, module: Module):
        self.module = module
        self.around = ""
        self.unexported = ""
        self.seen: list | None = None

    def run(
        self, names: Collection[str] = (), everything: bool = False, on_progress: Progress | None = None
    ) -> Tested:
        """The verdict on the kernels of `names` (all where empty). Raises UserError."""
        self._follow_surroundings()
        self.unexported = ""
        memory = Memory.of(self.module)
        self.seen, state = None, self._state()
        asked = [name for name in self.module.points if not names or name in names]
        if not everything and (known := unchanged(memory, asked, self.module, self.around)):
            self.seen = state
            return known
        threading.Thread(target=self._warm_up).start()
        submission, digest = self._read()
        read = self._state()
        from tinytorch.course.pairing import agreed
        from tinytorch.grading.rejudge import judge_changed

        found = keys(submission.cells(), self.module, self.around)
        with ThreadPoolExecutor(1) as beside, often_switching():
            carried = beside.submit(self._carry, read)
            tested = judge_changed(
                submission, self.module, memory, found, self.around, only=asked, everything=everything,
                on_progress=on_progress,
            )  # fmt: skip
            self.unexported = carried.result()
        pair = agreed(self.module)
        if pair.get("notebook") == digest:
            times = [time for _, time in self._state()]
            self.seen = list(zip((pair["notebook"], pair["script"]), times, strict=True))
            if not self.unexported:
                note_files(memory, found, pair, self.module, self.around)
        memory.keep()
        return tested

    def saved(self) -> bool:
        """Whether somebody saved one of the two files since the last round read it."""
        return self._state() != self.seen

    def warm_up_a_step(self) -> bool:
        """Pay now for a part of what makes later rounds faster; whether there is more of it."""
        from tinytorch.sandbox.zygote import warm_zygote

        with suppress(UserError):
            return warm_zygote("none", self.module.limits, ()).warm_up_a_step()
        return False

    def _state(self) -> list[tuple[str | None, int]]:
        """What the two files hold, and when they were written."""
        pair = (self.module.notebook, self.module.script)
        return [(digest_of_file(path), path.stat().st_mtime_ns if path.exists() else 0) for path in pair]

    def _follow_surroundings(self) -> None:
        """After a change of the framework, start the process that kernels run in anew."""
        now = environment(self.module)
        if self.around and now != self.around:
            from tinytorch.grading.judge import close

            close()
        self.around = now

    def _warm_up(self) -> None:
        """Start the processes that read the cells and that run them."""
        from tinytorch.sandbox import limited
        from tinytorch.sandbox.zygote import warm_zygote

        limited.start()
        with suppress(UserError):  # whoever judges meets the same, and tells it
            warm_zygote("none", self.module.limits, ())

    def _read(self) -> tuple[Submission, str | None]:
        """The notebook, and the digest of exactly the file that it was read from."""
        from tinytorch.course.cells import check_structure
        from tinytorch.course.pairing import notebook_leads, sync
        from tinytorch.grading.submission import Submission

        if not notebook_leads(self.module):
            sync(self.module)
        notebook = self.module.notebook
        while True:
            before = digest_of_file(notebook)
            try:
                submission = Submission.read(notebook, self.module.limits)
            except UserError:
                sync(self.module)  # which says how the script can bring it back
                raise
            if digest_of_file(notebook) == before:
                break
        check_structure(submission.notebook, self.module)
        return submission, before

    def _carry(self, seen: list) -> str:
        """Bring the script and the package in step while the kernels run; says what stood in the way.

        Args:
            seen: the `_state` after the notebook was read. A file that cannot be read and has changed since
                is being saved at this moment, and tried again.
        """
        from tinytorch.course.export import CellSyntaxError, export
        from tinytorch.course.pairing import agreed, sync

        known = [digest for digest, _ in seen]
        for left in reversed(range(SAVES)):
            try:
                sync(self.module)
                pair = agreed(self.module)  # what it wrote is nobody's save; what lies there now may be one
                known = [pair.get("notebook"), pair.get("script")]
                export(self.module)
                break
            except CellSyntaxError as error:  # the kernels in the other cells are tested all the same
                return str(error)
            except UserError:
                if not left or [digest for digest, _ in self._state()] == known:
                    raise
                time.sleep(SAVING_S)
        return ""
