"""The framework of the earlier modules: tensors, activations, layers, networks, training, compression.

In: NumPy arrays and lists. Out: `Tensor`s, trained and compressed networks. Everything here is plain NumPy
and depends on no other room, except `kernels.py`, which is exported from `kernels_dev` (never edited by hand)
and stands on `tinytorch.hardware`. `Dense(..., product=...)` is the seam: a network multiplies with any
kernel.
"""
