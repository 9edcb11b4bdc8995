"""What runs inside the sandbox, beside a submission: the process that it runs in, and the form of messages.

In come requests of the grader, out go plain data. A submission may overwrite all of it, so nothing here
decides about marks. This folder is copied into the sandbox whole; it may import `core` and `hardware`, and
nothing else of ours.
"""
