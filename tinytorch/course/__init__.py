"""Authoring: what a module is, how its cells are read, how its two files stay paired, what is exported.

In comes a course folder (`module.yaml`, the notebook, its script); out go plain records of its cells,
the paired files and the exported package. Nothing of a notebook is ever executed here.
"""
