"""What Numba says of a loop that it cannot compile, and what that means. The first rule that fits counts."""

from tinytorch.sandbox.inside.causes.rule import Rule

NUMBA = "TypingError|LoweringError|UnsupportedError|UnsupportedBytecodeError|NotDefinedError|Numba\\w+Error"

OPERATORS = {
    "add": "+", "iadd": "+=", "sub": "-", "isub": "-=", "mul": "*", "imul": "*=",
    "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "neg": "-",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
    "getitem": "[...]", "setitem": "[...] =", "matmul": "@", "and_": "&", "or_": "|", "xor": "^",
}  # fmt: skip
OPERATOR = "|".join(OPERATORS)
UNWRITABLE = r"(?:Array|array)\([^)]*\)|Literal\[str\]\([^)]*\)|unicode_type|none|(?:Uni)?Tuple\(.*?\)"

RULES = (
    Rule(
        NUMBA,
        r"(?s)Function\(<intrinsic (\w+)>\).*?TypingError: \1: ([^\n]+)",
        "`{0}`: {1}",
        "an instruction of `tinytorch.hardware` is given what it does not take",
    ),
    Rule(
        NUMBA,
        r"reflected list\(.* assigned to variable '(\w+)' in globals",
        "compiled code cannot use `{0}`, a list from outside: hand in an array as an argument",
    ),
    Rule(
        NUMBA,
        r">>> \w+\((?:[^)]*, )?reflected list\(",
        "a list was handed to compiled code: make an array of it first, np.array(...)",
    ),
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
        r"[Uu]nsupported array index type (float\d+)|"
        r">>> \wetitem\((?:readonly )?array\(\w+, \d+d, \w+\), (?:(?:Uni)?Tuple\([^)]*?)?(float\d+)",
        "an index is a {0}, not an integer: use // where it is computed",
        "an index is no integer: use // where it is computed",
    ),
    Rule(
        NUMBA,
        r">>> \wetitem\((?:Literal\[)?(u?int\d*|float\d+|bool)\b",
        "a single number ({0}) is indexed like an array: an index too many, or arguments in the wrong order?",
        "a single number is indexed like an array: an index too many, or arguments in the wrong order?",
    ),
    Rule(
        NUMBA,
        r"(?s)Function\(<built-in function setitem>\).*?>>> setitem\((?:readonly )?array\(\w+, 2d[^)]*\), "
        r"u?int\d+, (?:u?int\d+|float\d+)\)",
        "a number is assigned to a whole row: one index is missing",
    ),
    Rule(
        NUMBA,
        rf">>> setitem\((array\([^)]*\)), .+?, ({UNWRITABLE})\)\n",
        "{1} cannot be written into an element of {0}",
        "what is written into an element of an array is no number",
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
        r">>> range\((?:readonly )?(array)\(",
        "`range` was given an array: it takes integers, so take its length, as in `x.shape[0]`",
    ),
    Rule(
        NUMBA,
        r">>> range\((?:[^)]*\b)?(float\d+)",
        "`range` was given a {0}: it takes integers, so use // where the number is computed",
        "`range` was given a number that is no integer: use // where it is computed",
    ),
    Rule(
        NUMBA,
        r">>> (?:zeros|ones|empty|full)\((?:(?:Uni)?Tuple\([^)]*?)?(float\d+)",
        "a length is a {0}, not an integer: use // where it is computed",
        "a length is no integer: use // where it is computed",
    ),
    Rule(
        NUMBA,
        rf"(?s)Function\(<built-in function ({OPERATOR})>\).*?>>> \w+\((?:none, [^\n]*|[^\n]*, none)\)\n",
        "`{0}` is used on None: does a function end without `return`, or may an argument be None?",
    ),
    Rule(
        NUMBA,
        rf"(?s)Function\(<built-in function ({OPERATOR})>\).*?>>> \w+\([^\n]*\bvector\(",
        "`{0}` works on two vectors of one kind, or not at all: splat(value, dtype) makes one of a number",
    ),
    Rule(
        NUMBA,
        r"(?s)Function\(<built-in function (\w+)>\).*?>>> \w+\([^\n]*\bvector\(",
        "`{0}` does not work on vectors: `maximum`, `multiply_add` and `splat` do",
    ),
    Rule(
        NUMBA,
        rf"(?s)No implementation of function Function\(<built-in function ({OPERATOR})>\)"
        r".*?>>> \w+\((.+?)\)\n",
        "`{0}` does not work between these types in compiled code: {1}",
        "two types do not go together in compiled code",
    ),
    Rule(
        NUMBA,
        r"(?s)No implementation of function Function\(<built-in function (\w+)>\).*?>>> \w+\((.*?)\)\n",
        "`{0}` cannot be called so in compiled code: its arguments are {1}",
        "a function cannot be called so in compiled code",
    ),
    Rule(
        NUMBA,
        r"No implementation of function Function\((?:class\()?(u?int\d+|float\d+)\)",
        "`np.{0}(...)` takes one number: for an array write .astype(np.{0})",
        "a type of numbers is called with what is no number: for an array there is .astype",
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
        r"(?s)No implementation of function Function\(<(?:function|class|ufunc) '?([\w.]+)'?.*?>\)"
        r".*?>>> \w+\((.*?)\)\n",
        "`{0}` cannot be called so in compiled code: its arguments are {1}",
        "a function cannot be called so in compiled code",
    ),
    Rule(
        NUMBA,
        r"format spec in f-strings",
        "a format in an f-string (as `:.2f`) cannot be compiled: leave it out, or print outside of the loop",
    ),
    Rule(
        NUMBA,
        r"Exception object cannot be stored",
        "`except ... as` cannot be compiled: check before, or catch outside of the loop",
    ),
    Rule(
        NUMBA,
        r"imprecise type: list\(undefined\)|Cannot infer the type of variable '\w+'.*list\(",
        "an empty list says nothing about what it will hold: take an array instead, as np.zeros(n)",
    ),
    Rule(
        NUMBA,
        r"tuple index out of range",
        "an index of a tuple is too large: has the array so many dimensions?",
    ),
    Rule(
        NUMBA,
        r"wrong tuple length.*expected (\d+), got (\d+)",
        "there are {0} names for {1} values",
        "there are more or fewer names than values",
    ),
    Rule(
        NUMBA,
        r"getiter with parameters \((\w+)\)",
        "a `for` goes over a single number ({0}): is `range(...)` missing?",
        "a `for` goes over what is no array: is `range(...)` missing?",
    ),
    Rule(NUMBA, r"runaway recursion", "the function calls itself without end"),
    Rule(
        NUMBA,
        r"[Cc]an't unify return type from the following types: ([^\n]+)",
        "it returns different types: {0}. In compiled code every `return` gives the same one",
        "it returns different types: in compiled code every `return` gives the same one",
    ),
    Rule(
        NUMBA,
        r"[Uu]nsupported opcode|[Uu]se of unsupported|[Tt]he use of (?:a |an )?\w+ .*?(?:not|un)supported|"
        r"does not support|not supported",
        "Numba cannot compile this statement: keep to loops, arithmetic, and NumPy's functions",
    ),
    Rule("NotImplementedError", r"^float16$", "compiled code has no float16 on a CPU: compute in float32"),
    Rule(
        "NotImplementedError",
        r"<intrinsic (\w+)> is not usable in pure-python",
        "`{0}` works in compiled code only: `@njit(nogil=True)` is missing above the `def` of this function",
    ),
)
