"""Judging one notebook: which cells run, what may not be used, what the hidden tests say, and the points.

In goes a notebook, read as text; out comes a `verdict.Verdict`. Tests, clocks and expected values are here;
the notebook's code runs in `tinytorch.sandbox`. May import `sandbox` and `course`.
"""
