# SPDX-License-Identifier: Apache-2.0
"""Which code made a result: results of two versions are never mixed in one study."""

import ast
import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CODE = {
    "selecting": (
        ("golden/arith", "golden/desne", "host/selection.py", "host/selectors"),
        ("numpy", "numba", "scikit-learn"),
    ),
    "training": (
        ("host/trainer/training.py", "host/trainer/models.py", "host/trainer/model.py",
         "host/trainer/network.py", "host/trainer/operations.py", "host/trainer/weights.py"),
        ("numpy", "torch"),
    ),
}  # fmt: skip
"""Files whose code decides a selection or an accuracy, and packages whose version does."""


@cache
def code_hash(kind: str) -> str:
    """A hash of the code and the packages that decide 'selecting' or 'training', blind to comments
    and docstrings."""
    paths, packages = CODE[kind]
    digest = hashlib.sha256(json.dumps({name: version(name) for name in packages}).encode())
    for name in paths:
        path = ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                body = getattr(node, "body", None)
                if isinstance(body, list):
                    # the type of walk's nodes has no body, those that come here have
                    node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
            digest.update(f"{file.name};{ast.dump(tree)}".encode())
    return digest.hexdigest()


def _is_text(part: ast.AST) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
