"""What a benchmark is made of: a case (a kernel, a size), its contest (us and the peers), and its rows."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

OURS = "ours"


Verify = Callable[[str, object], str]
"""(contender, its result) -> what is wrong with it, or ""."""


@dataclass(frozen=True)
class Contest:
    """Callables that do the same thing, and what is known of it.

    Attributes:
        ours: the kernel.
        peers: name to callable; only those that are installed here.
        verify: judges the result of each contender before anything is timed.
        work: operations of one call, and `moved` the bytes that it has to read and write: its place on the
            roofline.
        peer_work: the operations of peers that do less than ours; ratios then compare time per operation.
        sample: measures in another way than by `interleaved`: budget in seconds to seconds per contender.
        elsewhere: makes the same contest of copies of the operands. So many `copies` are timed too, where it
            matters which memory the operands and results got.
        note: what else is worth knowing.
    """

    ours: Callable[[], object]
    peers: Mapping[str, Callable[[], object]]
    verify: Verify
    work: float | None = None
    moved: float | None = None
    peer_work: Mapping[str, float] = field(default_factory=dict)
    sample: Callable[[float], dict[str, np.ndarray]] | None = None
    elsewhere: Callable[[], "Contest"] | None = None
    copies: int = 0
    note: str = ""


@dataclass(frozen=True)
class Case:
    """One kernel on one size.

    `targets`: per peer, the least ratio (its time / ours) to reach; `at_most`: the most, for a stopwatch,
    which must be neither slow nor fast. `quick`: also part of a quick run. `section`: what it is shown under.
    """

    kernel: str
    size: str
    build: Callable[[], Contest]
    targets: Mapping[str, float] = field(default_factory=dict)
    at_most: float | None = None
    threads: int = 1
    quick: bool = False
    unit: str = "float32"
    section: str = ""


@dataclass(frozen=True)
class Row:
    """One comparison. Times are in seconds per call; `ratio` is how many times faster we are than the peer.

    `work` and `moved` are the operations and bytes of one call (of ours), `bound_s` what they take at least,
    and `bound` which of the two takes that (see `bounds`). `met` is None where nothing is asked. Where
    `problem` is set, nothing was timed: `wrong` says that it was our kernel that failed.
    """

    kernel: str
    size: str
    unit: str
    threads: int
    peer: str = ""
    median_s: float | None = None
    ci95_s: tuple[float, float] | None = None
    peer_s: float | None = None
    peer_ci95_s: tuple[float, float] | None = None
    ratio: float | None = None
    ratio_ci95: tuple[float, float] | None = None
    target: float | None = None
    at_most: float | None = None
    met: bool | None = None
    work: float | None = None
    moved: float | None = None
    section: str = ""
    bound_s: float | None = None
    bound: str = ""
    problem: str = ""
    wrong: bool = False
    note: str = ""


def as_array(result: object) -> np.ndarray:
    """The numbers in a Tensor of ours, a tensor of PyTorch's, or an ndarray."""
    data = getattr(result, "data", result)
    return np.asarray(result if isinstance(result, np.ndarray) or isinstance(data, memoryview) else data)


def equals(expected: np.ndarray, tolerance: float = 0.0, unchecked: Collection[str] = ()) -> Verify:
    """Judge results by `expected`: exactly (-0.0 equals 0.0), or to `tolerance` times its largest number.

    `unchecked` names peers that round differently by design, e.g. a layer with quantized weights.
    """
    scale = float(np.max(np.abs(expected), initial=0.0)) if tolerance else 0.0

    def verify(name: str, result: object) -> str:
        if name in unchecked:
            return ""
        got = as_array(result)
        if got.shape != expected.shape:
            return f"has shape {got.shape}, expected {expected.shape}"
        off = np.abs(got.astype(np.float64) - expected)
        place = np.unravel_index(np.argmax(off), off.shape)
        if off[place] <= tolerance * scale:
            return ""
        return f"has {got[place]} at {tuple(map(int, place))}, expected {expected[place]}"

    return verify
