# SPDX-License-Identifier: Apache-2.0
"""The bit-exact reference in numpy: the specification the hardware is proved equal to.

Compiled loops are cached by a hash of all sources of this package: numba on its own does not notice
that a table or a function in another file has changed, and would answer for the model as it was.
"""

import hashlib
import os
from pathlib import Path

from numba import config as numba_config


def _cache_directory() -> Path:
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(source.relative_to(package).as_posix().encode() + b"\0")
        digest.update(source.read_bytes() + b"\0")
    root = os.environ.get("NUMBA_CACHE_DIR")
    if root is None and not os.access(package, os.W_OK):
        root = Path.home() / ".cache" / "near-memory-sampling"
    return Path(root or package / "__pycache__") / f"numba-{digest.hexdigest()[:16]}"


# numba fills its configuration in when it is imported, which no type checker can see
numba_config.CACHE_DIR = str(_cache_directory())  # pyright: ignore[reportAttributeAccessIssue]
