"""The names that the next modules import from tinytorch.core.kernels. Not graded."""

GRADED = {
    "profile_operation",
    "benchmark_operation",
    "matmul_baseline",
    "vectorized_relu",
    "vectorized_operations",
    "cache_friendly_matmul",
    "parallel_relu",
    "parallel_batch_processing",
    "quantized_matmul",
    "quantized_relu",
    "pruned_matmul",
}


def test_graded_functions_are_public(kernels):
    """The eleven functions are exported under their names."""
    assert set(kernels.public_names()) >= GRADED


def test_no_private_name_is_public(kernels):
    """Helpers with a leading underscore stay inside the module."""
    assert not [name for name in kernels.public_names() if name.startswith("_")]


def test_no_name_twice(kernels):
    """Every public name is listed once."""
    names = kernels.public_names()
    assert len(names) == len(set(names))
