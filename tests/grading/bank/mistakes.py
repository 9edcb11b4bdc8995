"""What a mistake is, and how mistakes share submissions so that grading all of them takes little time."""

from dataclasses import dataclass

from .mistakes_elementwise import ELEMENTWISE
from .mistakes_measuring import MEASURING
from .mistakes_parallel import PARALLEL
from .mistakes_products import PRODUCTS


@dataclass(frozen=True)
class Mistake:
    """One wrong turn in one kernel: `old` of the student's source becomes `new`.

    `caught_by` is the hidden test whose hint tells the student what is wrong.
    """

    kernel: str
    name: str
    caught_by: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.kernel}: {self.name}"

    def made_in(self, source: str) -> str:
        """The student's source with this mistake in it."""
        assert source.count(self.old) >= 1, f"{self}: its place is gone"
        return source.replace(self.old, self.new)


# Two gradings of these may differ: what they get wrong depends on what the machine did meanwhile.
LEFT_TO_CHANCE = {"order of completion", "processor time for wall clock", "mean for median"}

# Who makes one of these has missed the point of the exercise, and loses at least a third of its points.
MISSED_THE_POINT = {
    "no bootstrap", "interval of the ranks", "interval of the mean", "loops not compiled", "Python loop",
    "no faster than i, j, k", "no threads", "one after the other", "given executor ignored", "wraps around",
    "order i, j, k", "dense loops", "wall clock for processor time",
}  # fmt: skip

MISTAKES = [
    Mistake(kernel, *entry)
    for group in (MEASURING, PRODUCTS, ELEMENTWISE, PARALLEL)
    for kernel, entries in group.items()
    for entry in entries
]


def rounds() -> list[list[Mistake]]:
    """The mistakes dealt out to submissions: one per kernel, and every third kernel left unbroken in turn.

    The unbroken kernels show that a mistake costs no points elsewhere.
    """
    dealt: list[list[Mistake]] = []
    for place, kernel in enumerate(dict.fromkeys(mistake.kernel for mistake in MISTAKES)):
        number = 0
        for mistake in (mistake for mistake in MISTAKES if mistake.kernel == kernel):
            if (number + place) % 3 == 0:
                number += 1
            while len(dealt) <= number:
                dealt.append([])
            dealt[number].append(mistake)
            number += 1
    return dealt
