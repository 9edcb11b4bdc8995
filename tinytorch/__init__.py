"""TinyTorch: a small deep-learning framework, built module by module, and the kernels under it."""
