"""The libraries of notebooks without what they only bring along: half the time of a `tito test`.

JSON Schema's grammar of URIs takes seconds to build, and Jupytext loads Jupyter's whole server for a class
that only the server needs. Both libraries do without where these cannot be imported.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(name: str) -> Iterator[None]:
    """Let `import name` fail meanwhile, unless it was imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    try:
        yield
    finally:
        del sys.modules[name]


with without("rfc3987_syntax"):
    import nbformat
    from nbformat import NotebookNode
    from nbformat.v4.nbjson import JSONReader
with without("jupyter_server"):
    import jupytext
    from jupytext.combine import combine_inputs_with_outputs

__all__ = ["JSONReader", "NotebookNode", "combine_inputs_with_outputs", "jupytext", "nbformat"]
