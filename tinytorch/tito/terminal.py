"""Where people read: a terminal, a pipe or a file, which may not take every character; and their Ctrl-C."""

from __future__ import annotations

import codecs
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

STAND_INS = dict(zip("✓✗→—–×µ│─", "yx>--xu|-", strict=True)) | {"…": "..."}  # noqa: RUF001
NARROW = 72  # columns below which a table is told as lines
STOPPED = 130  # the shell's exit code for a Ctrl-C


def can_show(text: str, stream: TextIO | None = None) -> bool:
    """Whether the characters of `text` reach the reader as they are."""
    try:
        text.encode(getattr(stream or sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def take_every_character() -> None:
    """From here on a character that the console cannot take comes out as a plain one, and ends nothing."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(STAND_INS.get(character, "?") for character in lost), error.end


def console(stderr: bool = False) -> Console:
    """Where people read: colours on a terminal only, and none with NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, stderr=stderr)


class Stop:
    """Whether somebody pressed Ctrl-C, and what a command says of what it kept."""

    def __init__(self) -> None:
        self.asked = False
        self.kept = "Your files are whole: nothing is left half written."

    def listen(self) -> None:
        """Note a Ctrl-C before it goes on as KeyboardInterrupt, which a library may swallow."""
        self.__init__()  # type: ignore[misc]  # one process may run several commands, in tests
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Stop here, where a library swallowed the Ctrl-C."""
        if self.asked:
            raise KeyboardInterrupt


stop = Stop()


def give_up_writing() -> None:
    """After standard output failed (a full disk, a closed pipe) write no more to it, not even at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = None
