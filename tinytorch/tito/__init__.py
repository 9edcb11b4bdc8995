"""The command line: one file per command group, and no logic of its own.

In come a person's words; out go calls of `course`, `grading`, `bench` and `hardware`, a table or one
JSON object, and an exit code: 0 all well, 1 something failed, 2 the command could not do its work.
Commands import what they need when they run, so that `tito --help` answers at once.
"""

from tinytorch.tito.app import app, main

__all__ = ["app", "main"]
