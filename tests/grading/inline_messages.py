"""What a student reads in place of a mark: the messages of the inline checks, for mistakes made on purpose.

    python tests/grading/inline_messages.py            the typical mistakes of `bank/mistakes_typical.py`
    python tests/grading/inline_messages.py --bank     the wrong submissions of the bank
    python tests/grading/inline_messages.py WORD ...   those whose name holds one of the words

Each prints the message, to be read one by one. A mistake is made in the solution of the module (or, in the
bank, in the good student's), and only the check of its kernel is run.
"""

import sys
from contextlib import closing, suppress
from pathlib import Path

import nbformat

from tinytorch.course.module import Module, load_module
from tinytorch.course.notebook import read_notebook
from tinytorch.grading.judge import _explain
from tinytorch.grading.submission import Submission
from tinytorch.sandbox.faults import Fault
from tinytorch.sandbox.session import Session
from tinytorch.sandbox.zygote import warm_zygote

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from grading.bank.mistakes import rounds
from grading.bank.mistakes_typical import TYPICAL, Typical
from grading.bank.submissions import ROOT, student, students_submission


def messages(notebook: nbformat.NotebookNode, module: Module, kernels: list[str]) -> dict[str, str]:
    """What the inline check of each of these kernels says, empty where it passes."""
    cells = Submission(notebook, "kernels_dev.ipynb").cells()
    for cell in cells:
        if cell.name not in kernels:
            cell.check = None
    with closing(Session(warm_zygote("none", module.limits, ()), cells, check=True)) as session:
        with suppress(Fault):
            session.load()
        found = {cell.name: cell.error or cell.check_error for cell in session.cells if cell.name in kernels}
    return {name: _explain(error) if error else "" for name, error in found.items()}


def of_a_typical_mistake(mistake: Typical, module: Module) -> str:
    """The message for a mistake in the good student's kernel, or in the module's own solution."""
    if not mistake.module:
        notebook = students_submission({mistake.kernel: mistake.made_in(student(mistake.kernel))})
    else:
        notebook = read_notebook(ROOT / "kernels_dev.py")
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == mistake.kernel:
                cell.source = mistake.made_in(cell.source)
    return messages(notebook, module, [mistake.kernel])[mistake.kernel]


def main(words: list[str]) -> None:
    module = load_module(start=ROOT)
    if "--bank" in words:
        words.remove("--bank")
        for dealt in rounds():
            wanted = [m for m in dealt if not words or any(word in str(m) for word in words)]
            if wanted:
                changed = {m.kernel: m.made_in(student(m.kernel)) for m in wanted}
                said = messages(students_submission(changed), module, list(changed))
                for mistake in wanted:
                    print(f"=== {mistake}\n{said[mistake.kernel] or '(passes)'}\n", flush=True)
        return
    for mistake in TYPICAL:
        if not words or any(word in f"{mistake.kernel} {mistake.name}" for word in words):
            said = of_a_typical_mistake(mistake, module)
            missing = [text for text in mistake.says if text not in said]
            print(f"=== {mistake.kernel}: {mistake.name}\n{said or '(passes)'}")
            print(f"--- LACKS {missing}\n" if missing else "", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
