"""The peers that may be missing: PyTorch is an extra (`pip install "tinytorch-kernels[bench]"`)."""

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

SLOWED_BY = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that make OpenBLAS run as if on another CPU: often at half the speed of this one."""


def blas() -> list[str]:
    """The BLAS libraries that are loaded, with the kernel that each runs: "openblas 0.3.31, Zen"."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    parts = (
        (library["internal_api"], library["version"], library.get("architecture")) for library in libraries
    )
    return [f"{name} {version}" + (f", {kernel}" if kernel else "") for name, version, kernel in parts]


def warnings_of_slow_peers(environment: Mapping[str, str]) -> list[str]:
    """Why the peers may be slower here than this CPU lets them be; each a sentence."""
    return [
        f"{variable}={environment[variable]} is set: NumPy's BLAS runs kernels of another CPU, "
        "so the ratios say too much. Unset it and measure again."
        for variable in SLOWED_BY
        if environment.get(variable)
    ]


@cache
def torch() -> Any:
    """The PyTorch module, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def torch_call(operation: str, *arrays: np.ndarray) -> dict[str, Callable[[], object]]:
    """{"torch.mm": a call of torch.mm on these arrays (memory shared)}, or {} without PyTorch."""
    library = torch()
    function = getattr(library, operation, None)
    if function is None:
        return {}
    tensors = [library.from_numpy(array) for array in arrays]
    return {f"torch.{operation}": lambda: function(*tensors)}


def torch_quantized_linear(A: np.ndarray, weights: np.ndarray) -> dict[str, Callable[[], object]]:
    """PyTorch's linear layer with int8 weights, which quantizes its input on the fly; {} without it."""
    library = torch()
    if library is None:
        return {}
    layer = library.nn.Linear(*weights.shape, bias=False)
    layer.weight.data = library.from_numpy(np.ascontiguousarray(weights.T))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # announces its successor, which is not in every version
            quantized = library.ao.quantization.quantize_dynamic(
                library.nn.Sequential(layer), {library.nn.Linear}, dtype=library.qint8
            )
            x = library.from_numpy(A)
            quantized(x)
    except (AttributeError, RuntimeError):  # this build has no quantized kernels
        return {}

    def call() -> object:
        with library.inference_mode():
            return quantized(x)

    return {"torch quantized linear": call}
