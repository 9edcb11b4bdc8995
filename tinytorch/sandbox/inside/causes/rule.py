"""The form of what is known of an exception."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """`kinds` (a pattern of exceptions' names) with a message that has `pattern` means `sentence`.

    The groups of the pattern go into the sentence, by position. `bare` is what is said where they must not be
    told: groups may carry the input of a hidden test.
    """

    kinds: str
    pattern: str
    sentence: str
    bare: str = ""
