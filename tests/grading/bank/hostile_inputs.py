"""Attacks that try to show the inputs of hidden tests, in whatever a grader writes down of a submission.

Each marks what it shows with the text `MARKED`, which stands nowhere in its code.
"""


def showing(code: str) -> tuple[str, str]:
    """An attack whose kernel has an input in `shown`, and runs `code`."""
    body = "\n".join("    " + line for line in code.strip().splitlines())
    kernel = f"def pruned_matmul(A, B):\n    shown = MARKED + repr(getattr(A, 'data', A))\n{body}\n"
    return kernel, 'MARKED = "@MARK@"[::-1]'


INPUTS = {
    "name of an error": showing("raise type('INPUT ' + shown, (ValueError,), {})('')"),
    "message of an error": showing("raise ValueError(shown)"),
    "message like Python's": showing("raise NameError(f\"name '{shown}' is not defined\")"),
    "note of an error": showing("error = ValueError()\nerror.add_note(shown)\nraise error"),
    "message of an exit": showing("raise SystemExit(shown)"),
    "group of errors": showing("raise ExceptionGroup(shown, [ValueError(shown)])"),
    "class of a result": showing("return type(shown, (), {})()"),
    "key of a result": showing("return {shown: object()}"),
    "name of a file in a traceback": showing("exec(compile('1 / 0', shown, 'exec'))"),
    "dtype of a result": showing("return Tensor(np.zeros(1, dtype=[(shown, 'f4')]))"),
    "half of a character": showing("raise ValueError('bad \\ud800' + shown)"),
    "half of a character in a name": showing("raise type('bad \\ud800' + shown, (KeyError,), {})('\\ud800')"),
    "message without text": showing("""
class Silent(ValueError):
    def __str__(self):
        raise KeyError(shown)
raise Silent(1)
"""),
    "public names": showing("__all__.append(shown)\nos._exit(0)"),
    "printed": showing("print(shown)\nraise LookupError"),
}
