"""`tito doctor`: what works on this machine, and how to mend what does not."""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import typer

from tinytorch.tito.options import AsJson, console, print_json, print_rows
from tinytorch.tito.terminal import can_show

DISTRIBUTION = "tinytorch-kernels"
VECTOR_UNITS = ("avx2", "fma", "avx512f", "avx512vnni", "avxvnni", "amx-int8", "neon", "dotprod", "i8mm")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `ok` is None where it is a limit rather than a fault."""

    name: str
    ok: bool | None
    found: str
    remedy: str = ""


def doctor(as_json: AsJson = False) -> None:
    """Look at Python, the packages, the sandbox, the CPU and the threads, and say how to mend what fails.

        tito doctor

    Exit code 0: students and instructors can work here. 1: something does not work.
    """
    findings = [_python(), _packages(), _sandbox(), *_cpu(), _threads()]
    healthy = all(finding.ok is not False for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings)
    raise typer.Exit(0 if healthy else 1)


def _show(findings: list[Finding]) -> None:
    arrow = "→" if can_show("→") else ">"
    rows = [(each.ok, each.name, each.found, each.remedy and f"{arrow} {each.remedy}") for each in findings]
    print_rows(console(), [(ok, name, "\n".join(filter(None, texts))) for ok, name, *texts in rows])


def _python() -> Finding:
    found = f"{platform.python_version()} ({sys.executable})"
    new_enough = sys.version_info >= (3, 11)
    return Finding("Python", new_enough, found, "" if new_enough else "Install Python 3.11 or later.")


def _packages() -> Finding:
    wrong = list(_wrong_packages())
    if wrong:
        return Finding("packages", False, "; ".join(wrong), "python -m pip install -e .")
    return Finding("packages", True, "all installed, in the versions that are asked for")


def _wrong_packages() -> Iterator[str]:
    """What is missing or too old of the packages that the distribution says it needs."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        required = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield f"{DISTRIBUTION} itself is not installed"
        return
    for requirement in map(Requirement, required):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} {version} is not {requirement.specifier}"


def _sandbox() -> Finding:
    """Whether the grader's own trial of bubblewrap succeeds: only that tells if user namespaces work here."""
    from tinytorch.sandbox.bubblewrap import bubblewrap
    from tinytorch.sandbox.kinds import LINUX, obstacle

    if not LINUX:
        found = f"{obstacle('bubblewrap')}: the notebook that is yours is tested without one"
        return Finding(
            "sandbox", None, found, "Grade a class on Linux: in WSL, a container or a virtual machine."
        )
    program = bubblewrap()
    if program:
        return Finding("sandbox", True, f"bubblewrap works ({program})")
    remedy = (
        "Students need none. For grading, use Linux and allow user namespaces: `sysctl "
        "kernel.unprivileged_userns_clone=1` on Debian, `kernel.apparmor_restrict_unprivileged_userns=0` "
        "on Ubuntu; containers need `--security-opt seccomp=unconfined`. Or, on a throw-away machine, grade "
        "with --sandbox none."
    )
    if obstacle("landlock") is None:
        found = "bubblewrap does not start; Landlock works: `tito nbgrader autograde --sandbox landlock`"
        return Finding("sandbox", None, found, remedy)
    return Finding("sandbox", None, "bubblewrap does not start: submissions cannot be isolated", remedy)


def _cpu() -> list[Finding]:
    from llvmlite.binding import get_host_cpu_name

    from tinytorch.hardware.target import target_features, target_name

    host, target = get_host_cpu_name(), target_name()
    units = [unit for unit in VECTOR_UNITS if unit in target_features()]
    vectors = Finding("vector units", True, ", ".join(units) or "the plain ones of this architecture")
    if target == host:
        return [Finding("CPU", True, f"{host}, and Numba compiles for it"), vectors]
    name = os.environ.get("NUMBA_CPU_NAME", "")
    cause = f" because NUMBA_CPU_NAME={name}" if name else ""
    slow = Finding(
        "CPU",
        None,
        f"Numba compiles for {target}, not for this {host}{cause}: kernels run, but slowly",
        "unset NUMBA_CPU_NAME NUMBA_CPU_FEATURES" if name else "Update numba: it does not know this CPU.",
    )
    return [slow, vectors]


def _threads() -> Finding:
    from tinytorch.hardware import num_threads

    limit = os.environ.get("TINYTORCH_NUM_THREADS")
    found = f"{num_threads()} of {os.cpu_count()} CPUs" + (
        f" (TINYTORCH_NUM_THREADS={limit})" if limit else ""
    )
    return Finding("threads", True, found)
