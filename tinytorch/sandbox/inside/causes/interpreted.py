"""What Python and NumPy say of code that they run, and what that means. The first rule that fits counts."""

from tinytorch.sandbox.inside.causes.rule import Rule

RULES = (
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
    Rule("AttributeError", r"module '([\w.]+)' has no attribute '(\w+)'", "{0} has no `{1}`"),
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
        r"'([\w.]+)' object is not callable",
        "a {0} is no function, and is called like one: are the brackets right, or is a name used twice?",
        "what is no function is called like one: are the brackets right, or is a name used twice?",
    ),
    Rule(
        "TypeError",
        r"'NoneType' object is not (\w+)",
        "None is not {0}: has a function ended without `return`?",
        "something is None here: has a function ended without `return`?",
    ),
    Rule("TypeError", r"NoneType", "something is None here: has a function ended without `return`?"),
    Rule("TypeError", r"'Future'", "a Future is used like its result: call .result() on it"),
    Rule(
        "TypeError",
        r"'(?:builtin_function_or_method|function|method|\w+Dispatcher)' (?:object|and)|'(?:builtin_)?func",
        "a function is used like a value: are the brackets ( ) of a call missing?",
    ),
    Rule(
        "TypeError",
        r"for (\S+?)=?: (?:'list' and|'[\w.]+' and 'list')",
        "`{0}` does not work on a list: make an array of it first, np.array(...)",
        "arithmetic does not work on a list: make an array of it first, np.array(...)",
    ),
    Rule(
        "TypeError",
        r"'tuple' object cannot be interpreted as an integer|for \S+: (?:'tuple' and|'[\w.]+' and 'tuple')|"
        r"concatenate tuple",
        "a tuple stands where a number is needed: of a shape take one length, as in x.shape[0]",
    ),
    Rule(
        "TypeError|IndexError",
        r"'float' object cannot be interpreted as an integer|slice indices must be|only integers, slices|"
        r"indices must be integers or slices, not float|must be of integer \(or boolean\) type",
        "a float stands where an integer is needed (an index, a length): use // where it is computed",
    ),
    Rule(
        "TypeError",
        r"only (?:integer scalar|0-dimensional|length-1|size-1) arrays can be converted",
        "an array stands where one number is needed",
    ),
    Rule(
        "TypeError",
        r"Cannot interpret '\S+' as a data type",
        "a number stands where a dtype is expected: a shape is a tuple, as in np.zeros((2, 3))",
    ),
    Rule(
        r"\w*UFunc\w+",
        r"Cannot cast ufunc '\w+' output from dtype\('(\w+)'\) to dtype\('(\w+)'\)",
        "{0} numbers cannot be written back into an array of {1}: widen it first (astype)",
        "the result does not fit the dtype that it is written back to: widen that first (astype)",
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
    Rule("SyntaxError", r"incomplete input", "the code ends too early: is a body empty, or a bracket open?"),
    Rule(
        "SyntaxError",
        r"^invalid syntax \(",
        "Python cannot read this line: is a sign missing, or one too many, here or in the line above?",
    ),
    Rule("SyntaxError|IndentationError|TabError", r"^(.+) \([^()]*(?:\([^()]*\))?[^()]*, line \d+\)$", "{0}"),
)
