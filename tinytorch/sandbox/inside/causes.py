"""What was wrong, in one sentence: of an exception's kind and message, whoever raised it.

Python, NumPy and Numba say what they met; a student needs to know what to look for. `cause` finds the
sentence in a table. It is a function of text alone, so it serves in the notebook, in the sandbox and outside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBA = "TypingError|LoweringError|UnsupportedError|UnsupportedBytecodeError|NotDefinedError|Numba\\w+Error"
OPERATORS = {
    "add": "+", "iadd": "+=", "sub": "-", "isub": "-=", "mul": "*", "imul": "*=",
    "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "neg": "-",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
    "getitem": "[...]", "setitem": "[...] =", "matmul": "@", "and_": "&", "or_": "|", "xor": "^",
}  # fmt: skip


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


RULES = (
    Rule(
        "TypingError",
        r"NameError: name '(\w+)' is not defined",
        "name '{0}' is not defined",
    ),
    Rule(
        NUMBA,
        r"Untyped global name '(\w+)':? Cannot determine Numba type of <class 'function'>",
        "`{0}` is plain Python, which compiled code cannot call: put `@njit(nogil=True)` above its `def`",
    ),
    Rule(
        NUMBA,
        r"Untyped global name '(\w+)':? [Cc]annot determine Numba type of <class '([\w.]+)'>",
        "compiled code cannot use `{0}`, a {1} from outside: hand in an array or a number as an argument",
    ),
    Rule(
        NUMBA,
        r"annot determine Numba type of <class 'tinytorch\.core\.tensor\.Tensor'>",
        "a Tensor was handed to compiled code, which takes arrays and numbers: hand in the array it holds",
    ),
    Rule(
        NUMBA,
        r"annot determine Numba type of <class '([\w.]+)'>",
        "a {0} was handed to compiled code, which takes arrays and numbers",
        "something was handed to compiled code that is neither an array nor a number",
    ),
    Rule(
        NUMBA,
        r"Unsupported array dtype: (\w+)|[Uu]nsupported.*\b(float16)\b",
        "compiled code has no {0} on a CPU: compute in float32",
    ),
    Rule(
        NUMBA,
        r"[Uu]nknown attribute '(\w+)' of type Module\(<module '(\w+)'",
        "Numba knows no `{0}` in {1}",
    ),
    Rule(
        NUMBA,
        r"[Uu]nknown attribute '(\w+)' of type (?:readonly )?array\((\w+), (\d+)d",
        "an array has no `{0}` in compiled code",
    ),
    Rule(NUMBA, r"[Uu]nknown attribute '(\w+)' of type (\S+)", "{1} has no attribute `{0}` in compiled code"),
    Rule(
        NUMBA,
        r"cannot index (?:readonly )?array\(\w+, (\d+)d, \w+\) with (\d+) indices",
        "an array of {0} dimension(s) is indexed with {1} indices",
        "an array is indexed with more indices than it has dimensions",
    ),
    Rule(
        NUMBA,
        r"(?s)Function\(<built-in function (?:get|set)item>\).*?>>> \wetitem\((?:readonly )?array\(\w+, \d+d"
        r".*?\), (float\d+)",
        "an index is a {0}, not an integer: use // where it is computed",
        "an index is no integer: use // where it is computed",
    ),
    Rule(
        NUMBA,
        r"(?s)Function\(<built-in function getitem>\).*?>>> getitem\((u?int\d+|float\d+|bool)",
        "a single number ({0}) is indexed like an array: one index too many?",
        "a single number is indexed like an array: one index too many?",
    ),
    Rule(
        NUMBA,
        r"(?s)Function\(<built-in function setitem>\).*?>>> setitem\((?:readonly )?array\(\w+, 2d[^)]*\), "
        r"u?int\d+, (?:u?int\d+|float\d+)\)",
        "a number is assigned to a whole row: one index is missing",
    ),
    Rule(
        NUMBA,
        r"[Cc]annot modify readonly array",
        "an operand is written to, and it is read-only: write into the result, or into a copy",
    ),
    Rule(
        NUMBA,
        r"[Cc]annot unify (.+?) and (.+?) for '(\w+)(?:\.\d+)*'",
        "the variable `{2}` is {0} in one place and {1} in another: in compiled code it keeps one type",
        "a variable has one type in one place and another elsewhere: in compiled code it keeps one type",
    ),
    Rule(
        NUMBA,
        r"[Cc]annot unify (.+?) and (.+?) for ",
        "a value is {0} in one case and {1} in another: in compiled code it keeps one type",
        "a value has one type in one case and another elsewhere: in compiled code it keeps one type",
    ),
    Rule(
        NUMBA,
        r">>> range\(((?:Uni)?Tuple)\(",
        "`range` was given a tuple: a shape is a tuple, so take one length of it, as in `x.shape[0]`",
    ),
    Rule(
        NUMBA,
        r">>> range\((?:[^)]*\b)?(float\d+)",
        "`range` was given a {0}: it takes integers, so use // where the number is computed",
        "`range` was given a number that is no integer: use // where it is computed",
    ),
    Rule(
        NUMBA,
        r">>> range\((?:readonly )?(array)\(",
        "`range` was given an array: it takes integers, so take its length, as in `x.shape[0]`",
    ),
    Rule(
        NUMBA,
        r"missing a required argument: '(\w+)'",
        "the argument `{0}` is missing in the call",
        "an argument is missing in the call",
    ),
    Rule(NUMBA, r"too many positional arguments", "there are too many arguments in the call"),
    Rule(
        NUMBA,
        r"got an unexpected keyword argument '(\w+)'",
        "the function called has no argument `{0}`",
    ),
    Rule(
        NUMBA,
        r"Variable '([\w]+)(?:\.\d+)?' is not defined",
        "the variable `{0}` is used before it has a value",
    ),
    Rule(
        NUMBA,
        r"unsupported NumPy function '([\w.]+)'",
        "Numba cannot compile {0}, or not in this way: write it as a loop",
    ),
    Rule(
        NUMBA,
        r"(?s)No implementation of function Function\(<built-in function (\w+)>\).*?>>> \w+\((.+?)\)\n",
        "`{0}` does not work between these types in compiled code: {1}",
        "two types do not go together in compiled code",
    ),
    Rule(
        NUMBA,
        r"(?s)No implementation of function Function\(<(?:function|class|ufunc) '?([\w.]+)'?.*?>\)"
        r".*?>>> \w+\((.*?)\)\n",
        "`{0}` cannot be called so in compiled code: its arguments are {1}",
        "a function cannot be called so in compiled code",
    ),
    Rule(
        NUMBA,
        r"[Uu]nsupported opcode|[Uu]se of unsupported|[Tt]he use of (?:a |an )?\w+ .*?(?:not|un)supported|"
        r"does not support|not supported",
        "Numba cannot compile this statement: keep to loops, arithmetic, and NumPy's functions",
    ),
    Rule(
        "NotImplementedError",
        r"<intrinsic (\w+)> is not usable in pure-python",
        "`{0}` works in compiled code only: `@njit(nogil=True)` is missing above the `def` of this function",
    ),
    Rule(
        "NotImplementedError",
        r"^$",
        "this is still the stub: fill it in, and take `raise NotImplementedError()` away",
    ),
    Rule("NameError", r"name '(\w+)' is not defined", "name '{0}' is not defined"),
    Rule(
        "UnboundLocalError",
        r"variable '(\w+)' where it is not",
        "local variable '{0}' has no value yet",
    ),
    Rule(
        "AttributeError",
        r"'memoryview' object has no attribute '(\w+)'",
        "an array's own `.data` is a memoryview, which has no `{0}`: use the array itself",
    ),
    Rule(
        "AttributeError",
        r"'NoneType' object has no attribute '(\w+)'",
        "no attribute '{0}' on None: has a function ended without `return`?",
    ),
    Rule("AttributeError", r"'([\w.]+)' object has no attribute '(\w+)'", "no attribute '{1}' on a {0}"),
    Rule("AttributeError", r"has no attribute '(\w+)'", "no attribute '{0}'"),
    Rule("ModuleNotFoundError", r"No module named '(\w+)'", "no module '{0}'"),
    Rule(
        "TypeError",
        r"(\w+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: '(\w+)'",
        "the argument `{1}` is missing in the call of `{0}`",
        "an argument is missing in a call",
    ),
    Rule(
        "TypeError",
        r"'NoneType' object is not (\w+)",
        "None is not {0}: has a function ended without `return`?",
        "something is None here: has a function ended without `return`?",
    ),
    Rule(
        "TypeError",
        r"unsupported operand type\(s\) for .*'NoneType'",
        "something is None here: has a function ended without `return`?",
    ),
    Rule(
        "ValueError",
        r"operands could not be broadcast together with (?:remapped )?shapes (\([\d, ]*\)) (\([\d, ]*\))",
        "the shapes {0} and {1} do not fit together",
        "the shapes of two arrays do not fit together",
    ),
    Rule(
        "ValueError",
        r"could not broadcast input array from shape (\([\d, ]*\)) into shape (\([\d, ]*\))",
        "an array of shape {0} does not fit where it is written to, which has the shape {1}",
        "an array does not fit where it is written to: their shapes differ",
    ),
    Rule(
        "ValueError",
        r"mismatch in its core dimension \d.*\(size (\d+) is different from (\d+)\)",
        "the lengths {1} and {0} do not fit: the columns of the first must match the rows of the second",
        "the columns of the first operand do not match the rows of the second",
    ),
    Rule(
        "ValueError",
        r"cannot reshape array of size (\d+) into shape (\([\d, ]*\))",
        "{0} numbers cannot be given the shape {1}",
        "an array cannot be given this shape: it has another number of elements",
    ),
    Rule(
        "ValueError",
        r"assignment destination is read-only|output array is read-only",
        "an operand is written to, and it is read-only: write into the result, or into a copy",
    ),
    Rule(
        "ValueError",
        r"truth value of an array",
        "an array stands where one yes or no is needed: compare elements in a loop, or use np.where",
    ),
    Rule(
        "MemoryError|_ArrayMemoryError",
        r"Unable to allocate (.+?) for an array with shape (\(.*?\))",
        "out of memory: an array of shape {1} takes {0}",
        "out of memory: this array is too large",
    ),
    Rule("MemoryError", r"", "out of memory"),
    Rule("RecursionError", r"", "the function calls itself without end"),
    Rule("KeyError", r"^(['\"]?\w+['\"]?)$", "there is no entry {0}", "there is no such entry"),
)


def cause(kind: str, message: str, told: set[str] | None = None) -> str:
    """The sentence for this exception, empty where the table has none.

    Args:
        kind: the exception's name, as `TypingError`.
        told: the only words that may be taken from the message (hidden tests); None: any.
    """
    for rule in RULES:
        if not re.fullmatch(rule.kinds, kind):
            continue
        if found := re.search(rule.pattern, message):
            groups = [_in_words(group) for group in found.groups() if group is not None]
            used = [groups[int(n)] for n in re.findall(r"{(\d)}", rule.sentence)]
            if told is None or all(word in told for group in used for word in re.findall(r"\w+", group)):
                return rule.sentence.format(*groups)
            if rule.bare:
                return rule.bare
    return ""


def headline(kind: str, message: str) -> str:
    """The sentence for this exception, or else what its message begins with."""
    said = [line.strip() for line in message.splitlines() if not line.startswith("Failed in nopython mode")]
    numbas = re.fullmatch(NUMBA, kind)
    return cause(kind, message) or (next(filter(None, said), "") if numbas else message.strip())


def _in_words(part: str) -> str:
    """Numba's names of types and operators, as a person would say them."""
    part = re.sub(r"(?:readonly )?array\((\w+), (\d)d, \w+\)", r"a \2-D array of \1", part)
    part = re.sub(r"Literal\[(\w+)\]\(([^)]*)\)", r"\1 \2", part)
    part = re.sub(r"(?:Uni)?Tuple\([^)]*\)", "a tuple", part)
    return OPERATORS.get(part, part)
