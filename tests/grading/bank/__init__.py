"""Submissions that the grader must judge rightly: wrong ones, right but different ones, hostile ones.

`student/` holds what a good student hands in: a helper cell without an export mark and the eleven kernels,
none of which leans on another. A wrong submission is that one with one mistake per broken kernel.
"""
