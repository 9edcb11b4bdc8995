"""A submission as the grader sees it: cells that ran or failed, functions to call, a budget that runs out."""

from __future__ import annotations

import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from tinytorch.sandbox import stuck
from tinytorch.sandbox.budget import Budget, Clock
from tinytorch.sandbox.clerk import Clerk
from tinytorch.sandbox.code import Cell, Code
from tinytorch.sandbox.faults import CellError, Died, Fault, OutOfTime, Unavailable, Unusable, where
from tinytorch.sandbox.inside import channel, operands, values
from tinytorch.sandbox.plain import Plain
from tinytorch.sandbox.processes import Started
from tinytorch.sandbox.watchdog import Watchdog
from tinytorch.sandbox.zygote import Zygote

CRASHED = "crashed (as where a compiled loop reads or writes beyond an array, here or in an earlier call)"
NOT_PLAIN = "its result is not plain data (an array, a Tensor, a number, text or a container of these)"


class Session:
    """Runs cells in a process of their own and calls the functions that they define.

    Code that hangs or kills the process costs itself alone: the next call finds a fresh process in which
    the cells, without those that did not end, have run again.
    """

    def __init__(
        self,
        zygote: Zygote | Plain,
        cells: list[Cell],
        check: bool = False,
        on_check: Callable[[str], None] | None = None,
        after: Session | None = None,
    ):
        """`after`: a session that was closed, whose budget this one goes on with."""
        self.zygote, self.limits, self.cells, self.code = zygote, zygote.limits, cells, Code(cells)
        self.link: socket.socket | None = None
        self.started: Started
        self.watchdog: Watchdog
        self.budget: Budget
        self.cpu_s: float
        if after:
            self.budget, self.cpu_s = after.budget, after.cpu_s
        else:
            self.refill()
        self.on_check = on_check  # called with the kernel's name before its check runs
        self.to_check = {cell.check_label for cell in cells if check and cell.check}
        self.stuck: set[str] = set()  # labels of code that ended the process
        self.elapsed_s = 0.0  # of the last exchange
        self.clerk: Clerk | None = None  # who answers the items of a batch meanwhile
        self.output = self.printed = ""
        self.public: list[str] = []
        self.defined: list[str] = []

    @property
    def spent(self) -> bool:
        return self.budget.spent or self.cpu_s <= 0

    def refill(self) -> None:
        """Give back the whole budget: for the instructor's own code, which serves many submissions."""
        if self.link and self.watchdog.cpu_used > self.limits.submission_cpu_s / 2:
            self.close()
        self.budget = Budget(self.limits, [cell.name for cell in self.cells if cell.name])
        self.cpu_s = self.limits.submission_cpu_s

    def load(self) -> None:
        """See to it that a process is there in which all cells have run that can."""
        while self.link is None and not self.spent:
            left_out = len(self.stuck)
            self._begin()
            try:
                with self.budget.loading():
                    for cell in self.cells:
                        self._run(cell)
                    self._ask_names()
            except Fault:
                if len(self.stuck) == left_out:  # the next process would end like this one
                    raise

    def _run(self, cell: Cell) -> None:
        if cell.label not in self.stuck:
            cell.error = self._execute(cell.source, cell.label, cell.needed, False, cell.statements)
        if cell.check and cell.check_label in self.to_check and cell.error is None:
            self.to_check.discard(cell.check_label)
            if self.on_check and cell.name:
                self.on_check(cell.name)
            cell.check_error = self._execute(cell.check, cell.check_label, needed=True, check=True)

    def _execute(
        self,
        source: str,
        label: str,
        needed: bool,
        check: bool,
        statements: tuple[int, list[int]] | None = None,
    ) -> CellError | None:
        """None, or what the code raised. A Fault is noted likewise, and then goes on: the process is gone."""
        wall_s = self.budget.for_check() if check else self.budget.for_cell(needed)
        if wall_s <= 0:
            self.stuck.add(label)
            return CellError("OutOfTime", "the time for cells was spent before it", None, label)
        try:
            request = {"do": "cell", "source": source, "label": label, "check": check}
            request |= {"given": label in self.code.given, "statements": statements}
            self.exchange(request, wall_s=wall_s)
            return None
        except Fault as error:
            self.stuck.add(label)
            found = where(error) or CellError(type(error).__name__, str(error), None, label)
            for cell in self.cells:
                if cell.label == label:
                    cell.error = found
                elif cell.check_label == label:
                    cell.check_error = found
            raise
        except Exception as error:
            return where(error) or CellError(type(error).__name__, str(error), None, label)

    def _ask_names(self) -> None:
        found = self.exchange({"do": "names"})
        if type(found) is dict:
            self.public, self.defined = (
                [values.clean(name) for name in names if type(name) is str] if type(names) is list else []
                for names in (found.get("public"), found.get("defined"))
            )

    def call(self, function: str, args: tuple, kwargs: dict) -> Any:
        """The result of `function(*args, **kwargs)` as plain data, or what it raised."""
        wall_s = self.budget.for_call(function)
        self.load()
        if self.link is not None and function not in self.defined:
            raise Unavailable(self._why_missing(function))
        with self.budget.calling(function):
            return self.exchange({"do": "call", "function": function}, (list(args), kwargs), wall_s)

    def _why_missing(self, function: str) -> str:
        own = [cell.error for cell in self.cells if cell.error and cell.name == function]
        errors = own or [cell.error for cell in self.cells if cell.error]
        return f"{function} is not defined" + (f": {errors[0]}" if errors else "")

    def exchange(self, request: dict, arguments: tuple | None = None, wall_s: float | None = None) -> Any:
        """One request and its answer, within the time that is left."""
        if self.link is None:
            raise OutOfTime("the submission's time is spent") if self.spent else Died("there is no process")
        args, kwargs = arguments or ([], {})
        packed = values.pack((args, kwargs))
        out = operands.out_of(request.get("function"), args, kwargs)
        shared = channel.Arguments(packed.arrays, out, self.started.folder)
        request = {
            **request,
            "token": secrets.token_hex(8),
            "value": packed.header,
            "arrays": shared.describe(),
            "memory": shared.shared.name,
        }
        wall_s = wall_s or min(self.limits.call_wall_s, self.budget.left_s)
        try:
            desk = self.clerk.desk if self.clerk else []
            with self.clerk.attending(shared.live(desk)) if self.clerk else nullcontext():
                reply, parts = self._send_and_wait(self.link, request, shared, wall_s)
            changed = shared.take_back(live=desk)
        except channel.Late:
            busy = request.get("check") and self.code.stays_busy(self._printed())
            took_s = min(wall_s, self.limits.check_wall_s) if busy else wall_s
            raise self._ended(OutOfTime(f"it took longer than {took_s:.3g} s")) from None
        except channel.Silent:
            raise self._ended(Died(f"its process ended: it {CRASHED}, exited, or was killed")) from None
        except channel.Forged as error:
            raise self._ended(Died(f"its process sent something that is no reply: {error}")) from None
        finally:
            shared.close()
        if changed is not None:
            raise Unusable(operands.complaint(changed, args, kwargs))
        return self._result(reply, parts, hidden=request["do"] == "call")

    def _send_and_wait(
        self, link: socket.socket, request: dict, shared: channel.Arguments, wall_s: float
    ) -> tuple[dict, list]:
        if channel.pending(link):
            raise channel.Forged("it came unasked")
        clock, start = Clock(self.watchdog), time.perf_counter()
        left = clock.timer(wall_s)
        if request.get("check"):
            left = self._while_not_stuck(clock, wall_s)
        try:
            fds = [] if shared.shared.name else [shared.shared.fd]
            channel.send(link, request, fds=fds, left=left)
            reply, parts = channel.receive(link, left)
        finally:
            self.elapsed_s = time.perf_counter() - start
            self.budget.spend(clock.elapsed())
        if reply.get("token") != request["token"]:  # drawn for this call, so no reply is made in advance
            raise channel.Forged("it answers another call")
        return reply, parts

    def _while_not_stuck(self, clock: Clock, wall_s: float) -> Callable[[], float]:
        """How many seconds are left for a check: none where a line of the student's runs on and on.

        That Numba compiles takes its time on a small machine, and is no reason to end it.
        """

        def left() -> float:
            elapsed_s = clock.elapsed()
            late = elapsed_s > self.limits.check_wall_s
            return 0.0 if late and self.code.stays_busy(self._printed()) else wall_s - elapsed_s

        return left

    def _printed(self) -> str:
        """What the submission has printed so far, and the dumps of its process."""
        printed = bytes(self.started.output.memory)
        return printed.rstrip(b"\0").decode("utf-8", "replace")

    def _result(self, reply: dict, parts: list[bytearray], hidden: bool) -> Any:
        """The value, or what the code raised; of an error in a hidden test, only what is harmless."""
        error = None
        try:
            if "error" in reply:
                error = values.unpack_error(reply["error"])
                if reply.get("plain") is False:
                    error = Unusable(NOT_PLAIN)
                vars(error)["cell_error"] = self.code.place(reply.get("where"), reply["error"], hidden)
            else:
                forms = reply["arrays"]
                arrays = [values.rebuild_result(form, raw) for form, raw in zip(forms, parts, strict=True)]
                value = values.Unpacker(arrays).value(reply["value"])
        except (
            values.NotPlainData,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            MemoryError,
        ) as forged:
            raise self._ended(Died("its process sent something that is no reply: not a value")) from forged
        if error is not None:
            raise error
        return value

    def _begin(self) -> None:
        self.home = tempfile.mkdtemp(prefix="tinytorch-home-")
        self.started = self.zygote.begin(self.home)
        self.link = self.started.link
        group = self.zygote.group
        self.kills = group.memory_kills() if group else 0
        memory_mb = None if group else self.limits.memory_mb
        self.watchdog = Watchdog(self.zygote.submission_pids, self.cpu_s, self.limits.processes, memory_mb)
        self.watchdog.start()

    def _ended(self, error: Fault) -> Fault:
        """End the process; `error`, or what is known better about why it stopped."""
        group = self.zygote.group
        kills = group.memory_kills() if group else 0
        self.close()
        reason = self.watchdog.reason
        if self.cpu_s <= 0:
            error = OutOfTime(reason or "the submission's CPU time is spent")
        elif not isinstance(error, OutOfTime):
            if kills > self.kills:
                reason = reason or f"it used more than {self.limits.memory_mb} MB of memory"
            error = Died(reason) if reason else error
        return self.code.placed(error, self.printed)

    def close(self) -> None:
        """Kill all that the submission started, and keep what it printed."""
        if self.link is None:
            return
        self.link.close()
        self.link = None
        self.watchdog.look()
        self.watchdog.stop()
        self.cpu_s -= self.watchdog.cpu_used
        self.zygote.end()
        self.printed = self._printed()
        self.started.output.close()
        self.output = stuck.without_dumps(self.printed)[: self.limits.output_kb * 1024]
        shutil.rmtree(self.home, ignore_errors=True)
