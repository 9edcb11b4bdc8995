"""TinyTorch: a small deep-learning framework, built module by module, and the kernels under it."""

__version__ = "0.1.0"
