"""`tito` as a person calls it, in this process."""

import sys
from dataclasses import dataclass

import pytest

from tinytorch.tito import main


@dataclass
class Answer:
    """The exit code of a command, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def tito(monkeypatch, capfd):
    """Call with the words of a command line; returns an Answer."""

    def call(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["tito", *words])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Answer(ended.value.code or 0, out, err)

    return call
