"""`tito status`: where a student stands, without running anything that takes time."""

from typing import TYPE_CHECKING

import typer

from tinytorch.tito.options import AsJson, ModuleName, console, print_json, print_rows

if TYPE_CHECKING:
    from tinytorch.course.progress import Item


def status(module: ModuleName = "kernels", as_json: AsJson = False) -> None:
    """Show prerequisites, whether the files are in step, and which graded cells are filled in.

        tito status --module 11_kernels

    Exit code 0: ready to be tested. 1: something is missing, out of step or still to do.
    """
    from tinytorch.course.module import load_module
    from tinytorch.course.progress import exercises, files, package, prerequisites
    from tinytorch.hardware.target import target_name

    target = load_module(module)
    sections = {
        "prerequisites": prerequisites(target),
        "files": [files(target), package(target)],
        "exercises": exercises(target),
    }
    ready = all(item.ok for items in sections.values() for item in items)
    if as_json:
        answer = {name: [vars(item) for item in items] for name, items in sections.items()}
        print_json({"module": target.name, "ready": ready, **answer, "machine": target_name()})
    else:
        page = console()
        page.print(f"[bold]{target.label}[/bold]: {target.title}, in {target.root}", soft_wrap=True)
        for name, items in sections.items():
            _show(name, items)
        page.print(f"Numba compiles for {target_name()}; `tito doctor` says more.")
    raise typer.Exit(0 if ready else 1)


def _show(section: str, items: "list[Item]") -> None:
    page = console()
    page.print(f"[bold]{section}[/bold]")
    print_rows(page, [(item.ok, item.name, item.text) for item in items])
