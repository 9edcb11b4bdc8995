"""Running code that nobody trusts: starting a sandbox, talking to it, watching it from outside.

In come cells of code and calls with plain data; out come plain data, errors and faults. Nothing of a
submission is imported, unpickled or evaluated out here: its code runs in `inside`, and that folder, with the
framework, is all that it can import of ours. May import `tinytorch.course`.
"""
