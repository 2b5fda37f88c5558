# SPDX-License-Identifier: Apache-2.0
"""Faults put into the golden model: which there are, that each is one, and what depends on it."""

import ast

import numpy as np
import pytest

from golden.arith import round_shift
from verif.mutation.argued import argued
from verif.mutation.equivalent import REASONS
from verif.mutation.golden import DEFAULT_PARTS, PARTS, REPOSITORY, files_of, name_of, needs
from verif.mutation.netlist import ENGINES
from verif.mutation.process import plain_ufunc
from verif.mutation.source import mutants, mutated

SOURCE = '''"""Text with 1 + 1."""
import numpy as np

@wrapped(3)
def f(x: int = 2) -> int:
    """Also 1 + 1."""
    if not x:
        raise ValueError(f"{x + 1} is less than {4}")
    x <<= 1
    return max(x, 0) if x < 9 and done else -x
'''


def test_every_change_and_no_other(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    found = mutants(path, "module.py")
    assert [str(mutant).removeprefix("module.py:") for mutant in found] == [
        "5: 2 -> 3",
        "5: 2 -> 1",
        "7: not x -> x",
        "9: x <<= 1 -> x >>= 1",
        "9: x <<= 1 -> pass",
        "9: 1 -> 2",
        "9: 1 -> 0",
        "10: max(x, 0) if x < 9 and done else -x -> max(x, 0) if not (x < 9 and done) else -x",
        "10: x < 9 and done -> x < 9 or done",
        "10: x < 9 -> x <= 9",
        "10: x < 9 -> x >= 9",
        "10: 9 -> 10",
        "10: 9 -> 8",
        "10: max -> min",
        "10: 0 -> 1",
        "10: -x -> x",
    ]
    originals = ast.dump(ast.parse(SOURCE))
    changed = [ast.unparse(mutated(path, mutant.number)) for mutant in found]
    assert len(set(changed)) == len(found)
    assert all(ast.dump(ast.parse(text)) != originals for text in changed)
    with pytest.raises(ValueError, match=f"module.py has no mutant {len(found)}"):
        mutated(path, len(found))


def test_all_of_golden_is_in_a_part_and_compiles_when_changed():
    files = [path for part in PARTS for path in files_of(part)]
    wanted = {path for path in REPOSITORY.glob("golden/**/*.py") if path.name != "__init__.py"}
    assert set(files) == wanted and len(files) == len(wanted)
    for part in DEFAULT_PARTS:
        path = files_of(part)[0]
        for mutant in mutants(path, path.name):
            compile(mutated(path, mutant.number), path, "exec")


def test_what_a_module_needs():
    whole = needs()
    tests = {name for name, parts in whole.items() if "golden.arith.exp2" in parts}
    assert {"golden.desne.calibrate", "verif.golden.arith.test_exp2"} <= tests
    assert "golden.sgmac.layout" not in tests
    assert name_of(REPOSITORY / "golden/arith/__init__.py") == "golden.arith"


def test_plain_integers_take_the_place_of_a_ufunc():
    plain = plain_ufunc(lambda x, shift: (x + ((1 << shift) >> 1)) >> shift)
    values = np.arange(-40, 40)
    for shift in (0, 1, 3):
        got = plain(values, shift)
        assert got.dtype == np.int64 and np.array_equal(got, round_shift(values, shift))
    assert plain(5, 1) == 3 and isinstance(plain(5, 1), np.int64)
    assert plain([], 1).tolist() == []


def test_each_excused_mutant_is_there():
    there = set()
    for part in PARTS:
        for path in files_of(part):
            name = path.relative_to(REPOSITORY).as_posix()
            there |= {(name, m.text, f"{m.was} -> {m.becomes}") for m in mutants(path, name)}
    assert set(REASONS) <= there
    assert all(reason.strip() for reason in REASONS.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_each_argued_mutant_of_the_hardware_has_its_reason(engine):
    for place, reason in argued(engine).items():
        mode, module, cell, port = place.split(" ")
        assert mode and module and cell and port.endswith("]")
        assert len(reason.partition(": ")[2]) > 20, place
