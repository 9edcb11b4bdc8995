"""What a place in a download says of a hand-in: whose it is, which attempt, when. And how names compare."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tinytorch.classroom.handins import JOINERS, Parts


@dataclass(frozen=True)
class Claim:
    """Whose a file is. `order` grows with each attempt; `when` is naive in the platform's own time zone."""

    name: str  # the person's, as the platform writes it
    rest: Parts  # the file's place inside the hand-in
    id: str = ""  # the platform's
    login: str = ""  # a user name or other id that people type
    email: str = ""
    order: int = 0
    when: datetime | None = None
    late: bool = False
    one_attempt: bool = False  # all files came in one attempt, and `order` only says which is newer

    @property
    def key(self) -> str:
        """What tells this person from all others of the platform: the id or, without one, the name."""
        return self.id or self.login or f"name:{normal(self.name)}"


Reader = Callable[[Parts], "list[Claim] | None"]  # None: not of this platform; []: the platform's own file


def normal(name: str) -> str:
    """A name in the one form in which equal names are equal: composed, without invisible characters."""
    text = name.encode("utf-8", "backslashreplace").decode()
    seen = (c for c in text if c in JOINERS or c.isspace() or not unicodedata.category(c).startswith("C"))
    return " ".join(unicodedata.normalize("NFC", "".join(seen)).split())


COPY_MARK = re.compile(r"( \(\d+\)|-\d{1,2}|[ _-]copy( \d+)?|[ _-]kopie)+$", re.IGNORECASE)


def without_copy_mark(name: str) -> str:
    """A name without what browsers, Drive and Canvas add where it repeats: "(1)", "-1", "copy"."""
    return COPY_MARK.sub("", name)


def stem_of(name: str) -> str:
    return re.sub(r"(\.\w{1,8}){1,2}$", "", name)


def seconds(when: datetime | None) -> int:
    """An order by time; the zone does not matter, as all times of a platform are of one."""
    return int(when.replace(tzinfo=when.tzinfo or UTC).timestamp()) if when else 0
