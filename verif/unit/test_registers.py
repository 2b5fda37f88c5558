# SPDX-License-Identifier: Apache-2.0
"""The register table: what it promises, and that header and page say the same."""

import dataclasses
import re
import shutil
import subprocess

import pytest

from hw.bus.register_map import Access
from hw.config import PRESETS, Configuration
from hw.desne.datapath import Datapath
from hw.registers import IDENTITY, register_map
from rtl_gen.registers import c_header, markdown
from scripts.document_registers import PAGE


def test_page_is_current():
    if not PAGE.is_file():
        pytest.skip("docs/registers.md is not here (tests run outside the repository)")
    again = "python scripts/document_registers.py"
    assert PAGE.read_text() == markdown(register_map()), f"docs/registers.md is old: {again}"


@pytest.mark.parametrize("name", PRESETS)
def test_every_parameter_can_be_read(name):
    config = PRESETS[name]
    table = register_map(config)
    for field in dataclasses.fields(Configuration):
        if field.name != "name":
            register = table[f"parameter_{field.name}"]
            assert register.access is Access.CONSTANT
            assert register.reset == getattr(config, field.name)


def test_offsets_do_not_depend_on_the_configuration():
    maps = [register_map(), *map(register_map, PRESETS.values())]
    assert len({tuple((r.name, r.offset) for r in table) for table in maps}) == 1


def test_identity_reads_as_text():
    assert IDENTITY.to_bytes(4, "big") == b"NMS1"


def test_job_registers_hold_more_than_is_legal():
    """A value too large must reach the engine and be refused, not be cut to a legal one."""
    for name in ("samples", "sample_bytes", "features", "neighbours", "budget", "iterations"):
        assert register_map()[name].fields[0].width == 32


def test_packed_fields_are_as_wide_as_what_takes_them():
    """What does not fit a field cannot be written into it, and reads back as it is used."""
    wires = Datapath(PRESETS["tiny"])
    for name in ("reduce", "schedule"):
        for field in register_map()[name].fields:
            assert field.width == len(getattr(wires, field.name)), field.name
            with pytest.raises(ValueError, match=field.name):
                register_map()[name].encode(**{field.name: 1 << field.width})


def test_header_compiles_and_agrees(tmp_path):
    """A C compiler reads every constant and gives back the table's numbers."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    table = register_map(PRESETS["edge"])
    expected = {}
    for register in table:
        prefix = f"NMS_{register.name}".upper()
        expected[prefix] = register.offset
        if register.access is Access.CONSTANT:
            expected[f"{prefix}_VALUE"] = register.reset
        for field in register.fields:
            if field.width < 32:
                expected[f"{prefix}_{field.name}_MASK".upper()] = field.mask
                expected[f"{prefix}_{field.name}_SHIFT".upper()] = field.low
    header = c_header(table)
    defined = re.findall(r"^#define (\w+) ", header, re.MULTILINE)
    assert len(defined) == len(set(defined)) and set(expected) <= set(defined)
    (tmp_path / "nms_registers.h").write_text(header)
    checks = [f"_Static_assert({key} == {value}u, {key!r});" for key, value in expected.items()]
    source = tmp_path / "check.c"
    include = '#include "nms_registers.h"\n'
    source.write_text((2 * include + "\n".join(checks)).replace("'", '"') + "\n")
    subprocess.run(
        [compiler, "-std=c11", "-Wall", "-Werror", "-fsyntax-only", str(source)], check=True
    )
