"""The libraries of notebooks without what they only bring along: half the time of a `tito test`.

JSON Schema builds a grammar of URIs, which takes a second, and Jupytext loads Jupyter's server for a class
that only the server needs. Both libraries do without where these cannot be imported.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let `import name` fail meanwhile, for those that were not imported already."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: Python's own way to say so
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with without("rfc3987_syntax", "rfc3986_validator", "isoduration"):
    import nbformat
    from nbformat import NotebookNode
    from nbformat.v4.nbjson import JSONReader
with without("jupyter_server", "jupyter_client", "tornado"):
    import jupytext
    from jupytext.combine import combine_inputs_with_outputs

__all__ = ["JSONReader", "NotebookNode", "combine_inputs_with_outputs", "jupytext", "nbformat"]
