"""`tito export` and `tito sync`: the pair of files, and the package made from it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tinytorch.tito.options import AsJson, ModuleName, print_json

if TYPE_CHECKING:
    from tinytorch.course.module import Module

Keep = Annotated[
    Literal["notebook", "script"] | None,
    typer.Option(help="Take this side in any case; a copy of the other goes to .tito/backup."),
]


def export(
    module: ModuleName = "kernels",
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if out of step.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the notebook's [cyan]#| export[/cyan] cells into the package, after syncing the pair.

    Each cell is compiled by itself first: a cell that does not parse is named, and nothing is written.

        tito export            write tinytorch/core/kernels.py

        tito export --check    is everything in step? (for scripts and CI)
    """
    from tinytorch.course import export as exporting
    from tinytorch.course.module import load_module
    from tinytorch.course.pairing import sync as sync_pair

    target = load_module(module)
    synced = None if check else sync_pair(target)
    result = exporting.export(target, check=check)
    results: list = [result] if synced is None else [synced, result]
    written = [each.written for each in results if each.written]
    if as_json:
        print_json(
            {
                "module": target.name,
                "in_step": not result.out_of_step,
                "out_of_step": list(result.out_of_step),
                "written": [_relative(path, target) for path in written],
                "notes": list(result.notes),
            }
        )
    elif check:
        print("\n".join(result.out_of_step) or "The notebook, its script and the package are in step.")
    else:
        _print_written(results, target, "The package is in step with the notebook.")
        print(*result.notes, sep="\n", end="\n" if result.notes else "")
    raise typer.Exit(1 if result.out_of_step else 0)


def sync(module: ModuleName = "kernels", keep: Keep = None, as_json: AsJson = False) -> None:
    """Carry your changes over from the notebook to its script, or from the script to the notebook.

    If both changed since they last agreed, nothing is overwritten: say which one to keep.

        tito sync

        tito sync --keep notebook
    """
    from tinytorch.course.module import load_module
    from tinytorch.course.pairing import sync as sync_pair

    target = load_module(module)
    result = sync_pair(target, keep)
    if as_json:
        written, backup = _relative(result.written, target), _relative(result.backup, target)
        print_json({"module": target.name, "written": written, "backup": backup})
    else:
        agreed = f"{target.notebook.name} and {target.script.name} agree."
        _print_written([result], target, agreed)


def _print_written(results: list, module: "Module", otherwise: str) -> None:
    lines = []
    for result in results:
        if result.written:
            kept = f" (a copy of the former one: {_relative(result.backup, module)})" if result.backup else ""
            lines.append(f"Wrote {_relative(result.written, module)}{kept}.")
    print("\n".join(lines) or otherwise)


def _relative(path: Path | None, module: "Module") -> str | None:
    return path.relative_to(module.root).as_posix() if path else None
