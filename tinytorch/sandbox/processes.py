"""What the two ways to start a submission's process have in common."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import psutil

from tinytorch.sandbox.inside import channel

START_S = 120  # Numba's import and first compilation on a slow, busy machine


@dataclass(frozen=True)
class Started:
    """The process of a submission: its channel, what it prints, the folder for memory that has a name.

    folder: None where descriptors can be passed
    """

    link: socket.socket
    output: channel.Shared
    folder: str | None = None


def tree(pid: int) -> set[int]:
    """A process and all below it; nothing where it is gone."""
    try:
        process = psutil.Process(pid)
        return {pid, *(child.pid for child in process.children(recursive=True))}
    except psutil.NoSuchProcess:
        return set()
