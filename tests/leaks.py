"""What must never reach a student: lines of solutions and of hidden tests, and where they are found."""

import ast
import json
import re
from pathlib import Path

from tinytorch.course.cells import HIDDEN_TESTS, SOLUTION, clear_solutions, strip_hidden
from tinytorch.course.module import Module
from tinytorch.course.notebook import read_notebook
from tinytorch.sandbox.inside.operations import OPERATIONS

TELLING = re.compile(r"(?!import |from ).{11,}[^(\[{,]")  # not what is short, or only opens a call
IDIOMS = {  # what anybody writes, whatever the exercise
    "assert isinstance(result, Tensor)",
    "except Exception as error:",
    "for _ in range(3):",
    "for _ in range(repeats):",
    "for dtype in (np.float32, np.float64):",
    "for c in range(cols):",
    "for i in range(A.shape[0]):",
    "for i in range(x.size):",
    "for k in range(A.shape[1]):",
    "for r in range(rows):",
    "i = block * lanes + lane",  # of the example that the text shows
    "if i < x.size:",
    "for b in range(cuts.shape[0] - 1):",
    "for j in range(c.size):",
    "if step is None:",
    "result = np.result_type(*dtypes)",
    "return Tensor(out)",
    "return report",
    "return total",
    "return result",
    "return results",
    "start = time.perf_counter()",
    'with np.errstate(invalid="ignore"):',
    "turn(rows, panel)",  # the end of `def _turn(rows, panel)`, which the stub keeps
    "with pytest.raises(TypeError):",
    "x = _operand(x)",
}

SHOWN = {"custom:threads", *OPERATIONS}  # what runs with a submission has to know these names


def regions(source: str, markers: tuple[str, str]) -> list[str]:
    begin, end = map(re.escape, markers)
    found = re.findall(rf"{begin}\n(.*?)\n[^\n]*{end}", source, flags=re.DOTALL)
    return [line.strip() for region in found for line in region.splitlines()]


def secrets(module: Module) -> set[str]:
    """Every telling line of the solutions and the hidden tests."""
    master = read_notebook(module.notebook)
    lines = {line for cell in master.cells for line in regions(cell.source, SOLUTION)}
    lines |= {line for cell in master.cells for line in regions(cell.source, HIDDEN_TESTS)}
    lines |= {
        line.strip()
        for file in module.hidden.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    return set(filter(TELLING.fullmatch, lines)) - IDIOMS


def constants(module: Module) -> set[str]:
    """The telling strings and numbers of the hidden tests that the module itself does not show."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in module.hidden.rglob("*.py")]
    found = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    texts = {line.strip() for value in found if isinstance(value, str) for line in value.splitlines()}
    numbers = {repr(value) for value in found if type(value) in (int, float)}
    long = {text for text in texts if len(text) > 11} | {each for each in numbers if _digits(each) > 4}
    master = read_notebook(module.notebook)
    shown = "\n".join(strip_hidden(clear_solutions(cell.source)) for cell in master.cells)
    return {each for each in long if each not in shown} - SHOWN


def _digits(number: str) -> int:
    return len(re.sub(r"\D", "", number).strip("0"))


def leaks(folder: Path, secrets: set[str]) -> list[tuple[str, str]]:
    """Where in the files of `folder` which of the secrets stands, as text or as JSON spells it."""
    found = []
    for file in (path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        for secret in secrets:
            spelled = {secret.encode(), json.dumps(secret)[1:-1].encode()}
            found += [(str(file.relative_to(folder)), secret) for each in spelled if each in content]
    return found
