"""What an attack is. Each stands in a submission beside one honest kernel, which must keep its points."""

from dataclasses import dataclass

from .hostile_calls import CALLS
from .hostile_exhaustion import EXHAUSTION
from .hostile_inputs import INPUTS
from .hostile_lies import LIES
from .hostile_secrets import SECRETS
from .hostile_time import TIME

ATTACKED, HONEST = "pruned_matmul", "vectorized_relu"


@dataclass(frozen=True)
class Attack:
    """Code in place of `ATTACKED`'s solution, and in a cell that the student added at the top."""

    name: str
    kernel: str
    added: str = ""
    harms_itself: bool = False  # what it does to its own process may cost its honest kernel too

    def __str__(self) -> str:
        return self.name


GROUPS = (LIES, SECRETS, EXHAUSTION, INPUTS, CALLS, TIME)
ATTACKS = [
    Attack(name, *codes, harms_itself=name.startswith("patched"))
    for group in GROUPS
    for name, codes in group.items()
]
