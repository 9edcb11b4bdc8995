"""What was wrong, in one sentence: of an exception's kind and message, whoever raised it.

Python, NumPy and Numba say what they met; a student needs to know what to look for. `cause` finds the
sentence in two tables. It is a function of text alone: it serves in the notebook, in the sandbox and outside.
"""

from __future__ import annotations

import re

from tinytorch.sandbox.inside.causes import compiled, interpreted
from tinytorch.sandbox.inside.causes.compiled import NUMBA, OPERATORS

__all__ = ["NUMBA", "cause", "headline"]


def cause(kind: str, message: str, told: set[str] | None = None) -> str:
    """The sentence for this exception, empty where the tables have none.

    Args:
        kind: the exception's name, as `TypingError`.
        told: the only words that may be taken from the message (hidden tests); None: any.
    """
    for rule in (*compiled.RULES, *interpreted.RULES):
        if not re.fullmatch(rule.kinds, kind):
            continue
        if found := re.search(rule.pattern, message):
            groups = [_in_words(group) for group in found.groups() if group is not None]
            used = [groups[int(n)] for n in re.findall(r"{(\d)}", rule.sentence)]
            if told is None or all(_is_known(group, told) for group in used):
                return rule.sentence.format(*groups)
            if rule.bare:
                return rule.bare
    return ""


def _is_known(group: str, told: set[str]) -> bool:
    """Whether this part of a message says nothing that is not in `told`: words of it, or an operator."""
    if group in OPERATORS.values():
        return True
    return bool(re.fullmatch(r"[\w.]+", group)) and all(word in told for word in re.findall(r"\w+", group))


def headline(kind: str, message: str) -> str:
    """The sentence for this exception, or else what its message begins with."""
    said = [line.strip() for line in message.splitlines() if not line.startswith("Failed in nopython mode")]
    numbas = re.fullmatch(NUMBA, kind)
    return cause(kind, message) or (next(filter(None, said), "") if numbas else message.strip())


IN_WORDS = (
    (r"(?:readonly )?array\((\w+), (\d)d, \w+\)", r"a \2-D array of \1"),
    (r"Literal\[str\]\(([^)]*)\)", r"the text '\1'"),
    (r"Literal\[(\w+)\]\(([^)]*)\)", r"\1 \2"),
    (r"(?:Uni)?Tuple\([^)]*\)", "a tuple"),
    (r"(?:reflected )?list\((.+?)\)<iv=[^>]*>", r"a list of \1"),
    (r"unicode_type", "a text"),
    (r"(?<!')\bnone\b", "None"),
    (r"\b\w+(?:\.\w+)*\._\w+\.(\w+)\b", r"\1"),  # a class without its private module
)


def _in_words(part: str) -> str:
    """Numba's names of types and operators, as a person would say them."""
    for pattern, words in IN_WORDS:
        part = re.sub(pattern, words, part)
    return OPERATORS.get(part, part)
