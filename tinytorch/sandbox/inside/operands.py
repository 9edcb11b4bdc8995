"""What a call may write to: the argument that its contract calls `out`. Everything else is the grader's."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.sandbox.inside import values

OUT_POSITION = {"vectorized_relu": 1, "parallel_relu": 2}


def out_of(function: str | None, args: tuple | list, kwargs: dict[str, Any]) -> list[np.ndarray]:
    """The arrays that this call may write to, given by name or where the contract has `out`."""
    position = OUT_POSITION.get(function or "", len(args))
    return values.pack([kwargs.get("out"), *args[position : position + 1]]).arrays


def complaint(changed: int, args: tuple | list, kwargs: dict[str, Any]) -> str:
    """What to say where the array with this number, in the order of packing, was changed."""
    arguments = [(f"argument {number}", value) for number, value in enumerate(args, start=1)]
    for name, value in [*arguments, *((f"`{name}`", value) for name, value in kwargs.items())]:
        changed -= len(values.pack(value).arrays)
        if changed < 0:
            return f"it changed {name}: work on a copy"
    return "it changed an argument: work on a copy"
