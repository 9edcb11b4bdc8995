"""A class: hand-ins, their grading in parallel, the gradebook, feedback and marks.

In come hand-ins and the instructor's nbgrader course; out come marks, feedback pages and tables. Student code
never runs here. May import `grading`, `sandbox` and `course`.
"""
