"""Calls in this very process treat operands as the sandbox does."""

from pathlib import Path

import numpy as np
import pytest

from tinytorch.sandbox.inside.local import Local
from tinytorch.sandbox.inside.values import NotPlainData, TensorValue


def overwrite(x, out=None):
    (x if out is None else out)[...] = 5
    return 1


def test_a_changed_argument_is_no_result(tmp_path: Path):
    local, x = Local({"f": overwrite}, tmp_path), np.zeros(3)
    with pytest.raises(NotPlainData, match="changed argument 1: work on a copy"):
        local.call("f", (x,), {})
    assert not x.any()


def test_the_tensor_in_a_list_has_the_number_of_its_argument(tmp_path: Path):
    local = Local({"f": lambda scale, items: overwrite(items[1].data)}, tmp_path)
    with pytest.raises(NotPlainData, match="changed argument 2"):
        local.call("f", (1.0, [np.zeros(2), TensorValue(np.zeros(2))]), {})


def test_out_is_written(tmp_path: Path):
    local, out = Local({"vectorized_relu": overwrite}, tmp_path), np.zeros(3)
    assert local.call("vectorized_relu", (np.zeros(3), out), {}) == 1
    assert out.tolist() == [5, 5, 5]
