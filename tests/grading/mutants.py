"""Small mistakes made by rule in the master's own solutions, and whether the hidden tests notice them.

A mutant changes one place in a solution region: an operator, a bound, a constant, a dtype, the order of two
arguments, a condition; or it leaves a statement out. It is judged like any submission, in the sandbox, by its
kernel's hidden tests, up to the first that fails.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from tinytorch.course.cells import SOLUTION
from tinytorch.course.errors import UserError
from tinytorch.course.module import load_module
from tinytorch.grading import hidden, judge
from tinytorch.grading.fixtures import Kernels, Race
from tinytorch.grading.submission import Submission
from tinytorch.grading.verdict import PASSED, TestVerdict
from tinytorch.sandbox.session import Session
from tinytorch.sandbox.zygote import warm_zygote

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yaml")
LIMITS = {"call_wall_s": 4.0, "kernel_wall_s": 12.0}  # an endless loop is noticed soon; compiling fits

COMPARE = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
NEGATED = {ast.Lt: ">=", ast.LtE: ">", ast.Gt: "<=", ast.GtE: "<", ast.Is: "is not", ast.IsNot: "is"}
ARITHMETIC = {ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "//"}
NAMES = {"min": "max", "max": "min", "float64": "float32", "float32": "float64", "int64": "int32",
         "maximum": "minimum", "minimum": "maximum", "rint": "trunc", "perf_counter": "process_time",
         "process_time": "perf_counter", "uint64": "int64", "mean": "median", "median": "mean"}  # fmt: skip
SYMMETRIC = {"min", "max", "np.maximum", "np.minimum"}  # whose arguments may change places


@dataclass(frozen=True)
class Mutant:
    """One changed place: `old` became `new` in a line of the kernel's cell, whose text is `source` now."""

    kernel: str
    line: int
    old: str
    new: str
    source: str

    def __str__(self) -> str:
        return f"{self.kernel}, line {self.line}\n    - {self.old}\n    + {self.new}"


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
                old = " ".join(ast.get_source_segment(source, node).split())
                yield Mutant(kernel, node.lineno, old, text, changed)


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


def parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def equivalent() -> dict[tuple[str, str, str], str]:
    """(kernel, old, new) of the mutants that no test can notice, and the reason of each."""
    listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
    return {(each["kernel"], each["old"], each["new"]): each["reason"] for each in listed}


class Judge:
    """Judges mutants one after the other in one warm sandbox."""

    def __init__(self) -> None:
        module = load_module(ROOT)
        self.module = replace(module, limits=replace(module.limits, **LIMITS))
        self.tests = module.root / "tests" / "hidden"
        self.master = Submission.read(module.script)

    def all_mutants(self, kernel: str) -> list[Mutant]:
        return list(mutants(kernel, self.master.graded()[kernel].source))

    def caught_by(self, mutant: Mutant) -> str | None:
        """The name of the first hidden test that fails, or None: the mutant lives."""
        failed: list[str] = []

        def stop_at_first(_: str, verdict: TestVerdict) -> None:
            if verdict.outcome != PASSED:
                failed.append(verdict.name)
                raise KeyboardInterrupt  # which ends pytest's run and nothing else

        notebook = copy.deepcopy(self.master.notebook)
        notebook.cells[self.master.graded()[mutant.kernel].index].source = mutant.source
        cells = replace(self.master, notebook=notebook).cells()
        warm = warm_zygote("bubblewrap", self.module.limits, (self.module.root, self.tests))
        session = Session(warm, cells)
        try:
            kernels = Kernels(session)
            race = Race(kernels, lambda: judge.yardsticks(self.tests, session), self.module.speed)
            hidden.run(self.tests, [mutant.kernel], kernels, race, on_test=stop_at_first)
        except UserError:
            if not failed:
                raise
        finally:
            session.close()
        return failed[0] if failed else None
