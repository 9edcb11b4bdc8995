"""The one exception whose text is meant for the person at the keyboard."""


class UserError(Exception):
    """What is wrong (`problem`, naming the file or cell) and what to do about it (`remedy`).

    `exit_code` is 1 where something that was checked is not in order, 2 where a command could not
    do its work.
    """

    def __init__(self, problem: str, remedy: str = "", *, exit_code: int = 2) -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy
        self.exit_code = exit_code
