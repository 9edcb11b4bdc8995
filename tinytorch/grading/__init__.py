"""The auto-grader: hidden tests out here, a submission's code in a sandbox, plain data between them.

In goes a notebook, read as text; out comes a `report.Report`. Nothing of a submission is imported,
unpickled or evaluated in the grader's own process, and `tinytorch.core` is never imported here: the
student's framework lives in the sandbox. May import `tinytorch.course`; is imported by `tinytorch.tito`.
"""
