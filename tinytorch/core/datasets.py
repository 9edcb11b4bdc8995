"""Data sets that ship with TinyTorch.

`digits.npz`: 1,797 images of handwritten digits, 8x8 pixels of 0 to 16, from "Optical Recognition of
Handwritten Digits", E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository,
https://doi.org/10.24432/C50P49, licensed CC BY 4.0. It is the set's test part, the copy that scikit-learn
ships, stored as uint8.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

Samples = tuple[np.ndarray, np.ndarray]


def load_digits() -> tuple[Samples, Samples]:
    """Handwritten digits, as `(X_train, y_train), (X_test, y_test)`.

    X is float32 (samples, 64), each image row after row, pixels from 0.0 (paper) to 1.0 (ink); y is int64
    (samples,), 0 to 9. Every fifth sample is for testing (360 of 1,797), so the split is always the same.
    """
    with (files("tinytorch.core") / "digits.npz").open("rb") as file, np.load(file) as stored:
        images = stored["images"].reshape(-1, 64).astype(np.float32) / 16
        labels = stored["labels"].astype(np.int64)
    is_test = np.arange(len(labels)) % 5 == 0
    return (images[~is_test], labels[~is_test]), (images[is_test], labels[is_test])
