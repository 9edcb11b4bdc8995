"""Forty typical mistakes in the module's own solutions, and what their messages must hold: line and cause."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Typical:
    """`old` of a kernel's cell becomes `new`; the student reads all of `says`: their line, and the cause."""

    kernel: str
    name: str
    old: str
    new: str
    says: tuple[str, ...]
    quick: bool = False  # it fails before anything is compiled


MISSING = "`@njit(nogil=True)` is missing above"
TYPICAL = [
    Typical("profile_operation", "a name misspelt", "wall_s =", "wall =",
            ("NameError: name 'wall_s' is not defined", "(profile_operation), line"), quick=True),
]  # fmt: skip
