# SPDX-License-Identifier: Apache-2.0
"""The golden tests in a forked process, with one module of golden changed.

What depends on the module runs as plain Python, so that nothing is compiled again; the rest of
golden runs compiled, from numba's cache. Before the fork all is imported but golden and the tests.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import CodeType
from typing import Any

import hypothesis
import numba
import numpy as np
import pytest

PRELOADED = (
    "hypothesis.extra.numpy",
    "openTSNE.affinity",
    "scipy.spatial.distance",
    "sklearn.datasets",
    "sklearn.manifold",
    "torch",
)
SLOW = 3.0
"""Seconds of the processor: a test that takes longer as plain Python is left out."""
IMPORT = 30.0
"""Seconds of the processor until the first test."""
_MEMORY = 4 << 30


def preload() -> None:
    """What tests import, and examples that are neither kept nor made smaller."""
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # and its tests are skipped
    numba.vectorize(["int64(int64)"])(lambda x: x)  # the compiler, too
    hypothesis.settings.register_profile(
        "mutation",
        database=None,
        report_multiple_bugs=False,  # the first is enough
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )
    hypothesis.settings.load_profile("mutation")


def plain_ufunc(function: Callable[..., int]) -> Callable[..., Any]:
    """What numba.vectorize makes of it, in Python's integers."""
    many = np.frompyfunc(function, function.__code__.co_argcount, 1)

    def call(*arguments: Any) -> Any:
        if any(isinstance(argument, np.ndarray | list) for argument in arguments):
            wide = (np.asarray(argument).astype(object) for argument in arguments)
            return np.asarray(many(*wide)).astype(np.int64)
        return np.int64(function(*map(int, arguments)))

    return call


def _run_plain(affected: Collection[str]) -> None:
    njit, vectorize = numba.njit, numba.vectorize

    def plain_njit(*function: Callable, **options: Any) -> Any:
        if function:  # how numba's own modules use it, and golden does not
            return njit(*function, **options)
        return lambda f: f if f.__module__ in affected else njit(**options)(f)

    def plain_vectorize(signatures: list[str], **options: Any) -> Callable[[Callable], Callable]:
        return lambda f: (
            plain_ufunc(f) if f.__module__ in affected else vectorize(signatures, **options)(f)
        )

    numba.njit, numba.vectorize = plain_njit, plain_vectorize


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from a tree instead of its file."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self.tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.tree, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.loader = _Changed(name, str(path), tree)

    def find_spec(self, fullname, path, target=None):
        if fullname == self.loader.name:
            return importlib.util.spec_from_file_location(
                fullname, self.loader.path, loader=self.loader
            )
        return None


class _Clock:
    """Leaves tests out, and ends one that takes too long."""

    def __init__(self, left_out: Collection[str]) -> None:
        self.left_out = left_out
        self.hung = False
        self.failed, self.slow = "", False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid not in self.left_out]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):
        def ring(*_: Any) -> None:
            self.hung = True
            raise TimeoutError(f"takes more than {SLOW:g} s")

        self.hung = False
        signal.signal(signal.SIGPROF, ring)
        signal.setitimer(signal.ITIMER_PROF, SLOW, SLOW)  # again, if hypothesis tries again
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed, self.slow = report.nodeid, self.hung


def run(
    tests: Collection[str],
    left_out: Collection[str],
    module: str,
    path: Path,
    affected: Collection[str],
    tree: ast.Module | None,
    report: Path,
) -> tuple[str, bool]:
    """The first test that fails, or what else went wrong, or ""; and whether it took too long.

    tests: files or single tests. tree: of the changed module; None leaves it as it is.
    """
    report.unlink(missing_ok=True)
    if not (child := os.fork()):
        code = 70
        try:
            code = _in_child(tests, left_out, module, path, affected, tree, report)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if report.exists():
        failed, slow = json.loads(report.read_text(encoding="utf-8"))
        return failed, slow
    return f"ended with {os.waitstatus_to_exitcode(status)}", False


def _in_child(tests, left_out, module, path, affected, tree, report) -> int:
    output = os.open(report.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    limit = int(time.process_time() + 600)  # for what no signal ends
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    most = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    _run_plain(affected)
    if tree is not None:
        sys.meta_path.insert(0, _Finder(module, path, tree))
    clock = _Clock(left_out)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, if imports never end
    signal.setitimer(signal.ITIMER_PROF, IMPORT)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=line"]
    code = int(pytest.main([*options, *tests], plugins=[clock]))
    failed = clock.failed
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and not failed:
        failed = f"pytest ends with {code}: the module cannot be imported"
    draft = report.with_suffix(".tmp")
    draft.write_text(json.dumps([failed, clock.slow]), encoding="utf-8")
    draft.replace(report)
    return code
