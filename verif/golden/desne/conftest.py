# SPDX-License-Identifier: Apache-2.0
"""Real samples that the tests of several phases share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 handwritten digits as bytes, uint8 [n, 64], and their labels."""
    data = load_digits()
    return np.round(data.data * 255 / 16).astype(np.uint8), data.target


@pytest.fixture(scope="session")
def tile(digits) -> np.ndarray:
    """One class of them, as a tile holds it."""
    samples, labels = digits
    return samples[labels == 3]
