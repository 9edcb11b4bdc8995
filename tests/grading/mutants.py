"""Small mistakes made by rule in the master's own solutions, and whether the hidden tests notice them.

A mutant changes one place in a solution region: an operator, a bound, a constant, a dtype, the order of two
arguments, a condition; or it leaves a statement out. It is judged like any submission, in the sandbox, by its
kernel's hidden tests, up to the first that fails. The tests that caught the mutants before it come first.
"""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import yaml

from tinytorch.course.cells import SOLUTION
from tinytorch.course.module import load_module
from tinytorch.grading import hidden, judge
from tinytorch.grading.fixtures import Kernels, Race
from tinytorch.grading.submission import Submission
from tinytorch.grading.verdict import FAILED, OUT_OF_TIME, PASSED, TestVerdict
from tinytorch.sandbox.session import Session
from tinytorch.sandbox.zygote import warm_zygote

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "hidden"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yaml")
LIMITS = {"call_wall_s": 6.0, "kernel_wall_s": 40.0}  # an endless loop is noticed soon; compiling fits

COMPARE = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
NEGATED = {ast.Lt: ">=", ast.LtE: ">", ast.Gt: "<=", ast.GtE: "<", ast.Is: "is not", ast.IsNot: "is"}
ARITHMETIC = {ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "//"}
NAMES = {"min": "max", "max": "min", "float64": "float32", "float32": "float64", "int64": "int32",
         "maximum": "minimum", "minimum": "maximum", "rint": "trunc", "perf_counter": "process_time",
         "process_time": "perf_counter", "uint64": "int64", "mean": "median", "median": "mean"}  # fmt: skip
SYMMETRIC = {"min", "max", "np.maximum", "np.minimum"}  # whose arguments may change places


@dataclass(frozen=True)
class Mutant:
    """One change: the lines `was` became `now` in the kernel's cell, whose text is `source` now."""

    kernel: str
    was: str
    now: str
    source: str

    def __str__(self) -> str:
        return f"- {self.was}\n  + {self.now}"


def mutants(kernel: str, source: str) -> Iterator[Mutant]:
    """All mutants of a cell's solution regions."""
    lines = source.splitlines()
    inside, open_region = set(), False
    for number, text in enumerate(lines, start=1):
        open_region = (open_region or text.strip() == SOLUTION[0]) and text.strip() != SOLUTION[1]
        if open_region:
            inside.add(number)
    seen = {source}
    for node in ast.walk(ast.parse(source)):
        if getattr(node, "lineno", None) not in inside:
            continue
        for text in changes(node, source):
            changed = replaced(source, node, text)
            if changed not in seen and parses(changed):
                seen.add(changed)
                yield Mutant(kernel, *changed_lines(source, changed, node), changed)


def changes(node: ast.AST, source: str) -> Iterator[str]:
    """What may stand in the place of a node."""

    def text(part: ast.AST) -> str:
        return ast.get_source_segment(source, part) or ast.unparse(part)

    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for table in (COMPARE, NEGATED):
                if type(op) in table:
                    yield f"{text(left)} {table[type(op)]} {text(right)}"
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in ARITHMETIC:
                yield f"({text(left)} {ARITHMETIC[type(op)]} {text(right)})"
            yield text(left)
            yield text(right)
        case ast.UnaryOp(operand=operand):
            yield text(operand)
        case ast.BoolOp(op=op, values=values):
            yield (" and " if isinstance(op, ast.Or) else " or ").join(map(text, values))
            yield text(values[0])
        case ast.IfExp(test=_, body=body, orelse=other):
            yield f"({text(other)})"
            yield f"({text(body)})"
        case ast.AugAssign(target=target, op=op, value=value):
            yield f"{text(target)} = {text(value)}"
            yield f"{text(target)} {'-' if isinstance(op, ast.Add) else '+'}= {text(value)}"
            yield "pass"
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() | float() as value):
            yield str(value + 1)
            yield str(value - 1) if value else "2"
        case ast.Call(func=ast.Name(id="range"), args=args):
            *first, last = args[:2]
            rest = "".join(f", {text(arg)}" for arg in args[2:])
            start = f"{text(first[0])}, " if first else ""
            yield f"range({start}{text(last)} - 1{rest})"
            yield f"range({text(first[0]) if first else 0} + 1, {text(last)}{rest})"
        case ast.Call(func=func, args=[first, second, *rest]) if text(func) not in SYMMETRIC:
            swapped = [text(second), text(first), *map(text, rest)]
            yield f"{text(func)}({', '.join(swapped + [ast.unparse(each) for each in node.keywords])})"
        case ast.Name(id=name) if name in NAMES:
            yield NAMES[name]
        case ast.Attribute(value=value, attr=name) if name in NAMES:
            yield f"{text(value)}.{NAMES[name]}"
        case ast.Return():
            yield "return None"
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Assign() | ast.Expr() | ast.Raise():
            yield "pass"


def replaced(source: str, node: ast.AST, text: str) -> str:
    lines = source.encode().splitlines(keepends=True)
    before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
    return (before + text.encode() + after).decode()


def changed_lines(source: str, changed: str, node: ast.AST) -> tuple[str, str]:
    """The lines in which a node stands, before and after a change of it, each as one line."""
    before, after = source.splitlines(), changed.splitlines()
    first, last = node.lineno - 1, node.end_lineno - len(before)
    return " ".join(" ".join(before[first : node.end_lineno]).split()), " ".join(
        " ".join(after[first : len(after) + last]).split()
    )


def parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def equivalent() -> dict[tuple[str, str, str], str]:
    """(kernel, line, what it becomes) of the mutants that no test can notice, and the reason of each."""
    listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))
    entries = [(kernel, entry) for kernel, told in listed.items() for entry in told]
    return {
        (kernel, entry["line"], becomes): entry["because"]
        for kernel, entry in entries
        for becomes in entry["becomes"]
    }


@cache
def digest_of(kernel: str, test: str | None) -> str:
    """Of the test that caught a mutant; of all that a kernel is tested with (None) where one lives."""
    text = (TESTS / f"test_{kernel}.py").read_text(encoding="utf-8")
    if test:
        named = (node for node in ast.parse(text).body if getattr(node, "name", "") == test.split("[")[0])
        text = "".join(map(ast.unparse, named)) + test
    else:
        text += "".join(
            (TESTS / name).read_text(encoding="utf-8") for name in ("oracles.py", "yardsticks.py")
        )
    return sha256(text.encode()).hexdigest()


class Kept:
    """What is known of mutants from earlier runs. A record holds while the tests that it stands on do."""

    def __init__(self, file: Path):
        self.file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        self.records = {record["mutant"]: record for record in map(json.loads, lines)}

    def find(self, mutant: Mutant) -> dict | None:
        record = self.records.get(self._key(mutant))
        return record if record and record["tests"] == digest_of(mutant.kernel, record["caught_by"]) else None

    def add(self, mutant: Mutant, failed: TestVerdict | None) -> None:
        name = failed.name if failed else None
        record = {"mutant": self._key(mutant), "tests": digest_of(mutant.kernel, name), "caught_by": name,
                  "outcome": failed.outcome if failed else PASSED}  # fmt: skip
        self.records[record["mutant"]] = record
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    @staticmethod
    def _key(mutant: Mutant) -> str:
        return f"{mutant.kernel} {sha256(mutant.source.encode()).hexdigest()}"


class Judge:
    """Judges mutants one after the other in one warm sandbox."""

    def __init__(self) -> None:
        module = load_module(ROOT)
        self.module = replace(module, limits=replace(module.limits, **LIMITS))
        self.master = Submission.read(module.script)
        self.first: list[str] = []  # tests in the order in which they last caught a mutant

    def all_mutants(self, kernel: str) -> list[Mutant]:
        return list(mutants(kernel, self.master.graded()[kernel].source))

    def solution(self, kernel: str) -> Mutant:
        """The cell as it is: what no test may catch."""
        return Mutant(kernel, "", "", self.master.graded()[kernel].source)

    def caught_by(self, mutant: Mutant) -> TestVerdict | None:
        """The first hidden test that fails, or None: the mutant lives."""
        notebook = copy.deepcopy(self.master.notebook)
        notebook.cells[self.master.graded()[mutant.kernel].index].source = mutant.source
        cells = replace(self.master, notebook=notebook).cells()
        warm = warm_zygote("bubblewrap", self.module.limits, (self.module.root, TESTS))
        with closing(Session(warm, cells)) as session:
            kernels = Kernels(session)
            race = Race(kernels, lambda: judge.yardsticks(TESTS, session), self.module.speed)
            tests = hidden.run(TESTS, [mutant.kernel], kernels, race, first=self.first, until_failure=True)[
                mutant.kernel
            ]
        failed = [test for test in tests if test.outcome in (FAILED, OUT_OF_TIME)]
        if not failed and any(test.outcome != PASSED for test in tests):
            raise RuntimeError(f"the tests of {mutant.kernel} cannot run")
        names = [test.name for test in failed]
        self.first = names + [name for name in self.first if name not in names]
        return failed[0] if failed else None
