"""`tito bench`: every kernel beside its peers, in one run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinytorch.tito.options import AsJson, ModuleName, console, print_json

PICTURES = (".png", ".svg", ".pdf")

if TYPE_CHECKING:
    from types import ModuleType

    from rich.console import Console


def bench(
    module: ModuleName = "kernels",
    kernel: Annotated[str | None, typer.Option(metavar="NAME", help="Only this kernel.")] = None,
    sizes: Annotated[
        str | None,
        typer.Option(metavar="N,N", help="n x n products and arrays of these n, in place of the table's."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="For every kernel and every peer.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A part of the table, in half a minute.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the roofline of this machine.")
    ] = None,
    plot_shapes: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the ratio of each shape.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the exported kernels beside NumPy and, where installed, SciPy and PyTorch.

    All of them take turns on the same number of threads, and nothing is timed before its result was checked.

        tito bench --quick

        tito bench --kernel pruned_matmul --plot roofline.png

    Exit code 0: all results are right. 1: a kernel computes something wrong. 2: nothing could be measured.
    """
    from rich.console import Console
    from rich.progress import Progress

    from tinytorch.bench import ratios, report, roofline
    from tinytorch.bench.bounds import with_bounds
    from tinytorch.bench.suite import Options, run, select
    from tinytorch.hardware import ceilings

    for picture in (plot, plot_shapes):
        _check_file(picture)
    notices = Console(stderr=True)
    kernels = _exported(module, notices)
    options = Options(kernel, _numbers(sizes), threads, quick)
    _check_name(kernels, kernel)
    cases = select(kernels, options)
    with Progress(console=notices, transient=True) as progress:
        task = progress.add_task("", total=len(cases))

        def show(case) -> None:
            progress.update(task, description=f"{case.kernel} {case.size}")
            progress.advance(task)

        rows = run(kernels, options, show)
        progress.update(task, description="measuring what this machine can do at most")
        limits = {threads: ceilings(threads) for threads in {row.threads for row in rows}}
        rows = with_bounds(rows, limits)
        if plot:
            roofline.save(rows, ceilings(), plot)
        if plot_shapes:
            ratios.save(rows, plot_shapes)
    if as_json:
        print_json(report.as_json(rows))
    else:
        page = console()
        page.width = max(page.width, report.WIDTH)
        page.print(report.summary(rows), report.table(rows), sep="\n")
    raise typer.Exit(1 if any(row.wrong for row in rows) else 0)


def _exported(module: str, notices: "Console") -> "ModuleType":
    """The exported kernels; says so where they are not what is in front of the student."""
    from tinytorch.course.errors import UserError
    from tinytorch.course.module import load_module
    from tinytorch.course.progress import package

    state = package(load_module(module))
    if not state.ok:
        notices.print(f"The exported kernels are measured, but: {state.text}")
    try:
        from tinytorch.core import kernels
    except ImportError as error:
        raise UserError(f"tinytorch.core.kernels: {error}", "Run `tito export` first.") from error
    return kernels


def _check_name(kernels: "ModuleType", kernel: str | None) -> None:
    from tinytorch.bench.suite import kernel_names
    from tinytorch.course.errors import UserError

    names = kernel_names(kernels)
    if kernel is not None and kernel not in names:
        raise UserError(f"there is no benchmark of {kernel!r}", f"There are: {', '.join(names)}.")


def _check_file(plot: Path | None) -> None:
    """Refuse a picture that could not be written before minutes are spent on measuring."""
    if plot is None:
        return
    if plot.suffix.lower() not in PICTURES:
        raise typer.BadParameter(f"{plot}: the name of a picture ends in {', '.join(PICTURES)}")
    if not plot.parent.is_dir():
        raise typer.BadParameter(f"{plot}: there is no folder {plot.parent}")


def _numbers(text: str | None) -> list[int] | None:
    """[256, 512] of "256,512"."""
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1:
        raise typer.BadParameter(f"{text!r} is not a list of positive whole numbers such as 256,1024")
    return numbers
