# SPDX-License-Identifier: Apache-2.0
"""Deliberately broken hardware: one piece of a source file replaced while it is imported."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

__all__ = ["Broken", "install"]


@dataclass(frozen=True)
class Broken:
    """What a proof must refute.

    Attributes
    ----------
    module: for instance "hw.stream". old: a piece of its source, there exactly once. new: instead.
    """

    module: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}"


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, broken: Broken) -> None:
        super().__init__(name, path)
        self.broken = broken

    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew, past the cache of compiled modules."""
        path = self.get_filename(fullname)
        source = self.get_data(path).decode()
        count = source.count(self.broken.old)
        if count != 1:
            raise ValueError(f"{self.broken.old!r} is {count} times in {fullname}, not once")
        return compile(source.replace(self.broken.old, self.broken.new), path, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, broken: Broken) -> None:
        self.broken = broken

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.broken.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise ValueError(f"there is no module {fullname}")
        spec.loader = _Loader(fullname, spec.origin, self.broken)
        return spec


def install(broken: Broken) -> None:
    """From here on the module is imported broken; it must not have been imported before."""
    if broken.module in sys.modules:
        raise ValueError(f"{broken.module} is imported already")
    sys.meta_path.insert(0, _Finder(broken))
