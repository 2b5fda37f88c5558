# SPDX-License-Identifier: Apache-2.0
"""Verilog generation: deterministic bytes, a true manifest, files whole and only when changed."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from host.cli import app
from hw.config import PRESETS
from rtl_gen import manifest, packing, verilog
from rtl_gen.blocks import generate_block
from verif.example import Multiples, Operands, Products


@dataclass(frozen=True)
class Settings:
    """Stands in for a hardware configuration."""

    name: str = "small"
    lanes: int = 2


class Fixed(wiring.Component):
    """Streams without a full handshake, and an array of them."""

    x: In(stream.Signature(8, always_ready=True))
    y: Out(stream.Signature(8, always_valid=True)).array(2)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [self.y[0].payload.eq(self.x.payload), self.y[1].payload.eq(~self.x.payload)]
        return m


@pytest.mark.parametrize("seed", [1, 12345])
def test_bytes_do_not_depend_on_the_hash_seed(seed):
    script = (
        "from rtl_gen.blocks import generate_block; from hw.config import PRESETS; import json;"
        "b = generate_block(PRESETS['tiny'], 'affinity'); print(b.sha256, json.dumps(b.entry))"
    )
    output = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here = generate_block(PRESETS["tiny"], "affinity")
    assert output.strip() == f"{here.sha256} {json.dumps(here.entry)}"


def test_no_source_locations_and_a_true_hash():
    block = verilog.generate(Multiples(), "multiples")
    assert "src =" not in block.verilog and ".py" not in block.verilog
    assert block.sha256 == hashlib.sha256(block.verilog.encode()).hexdigest()


def test_manifest_of_structs():
    entry = verilog.generate(Multiples(), "multiples").entry
    assert entry["clock"] == "clk" and entry["reset"] == "rst"
    assert entry["streams"]["operands"]["direction"] == "in"
    assert entry["streams"]["products"]["direction"] == "out"
    assert entry["ports"]["operands__payload"] == {
        "direction": "in",
        "width": 16,
        "signed": False,
        "fields": {
            "a": {"offset": 0, "width": 7, "signed": False},
            "b": {"offset": 7, "width": 9, "signed": True},
        },
    }
    assert entry["ports"]["offset"] == {"direction": "in", "width": 12, "signed": True}
    assert entry["signals"]["multiples.products__payload"] == 100


def test_manifest_of_partial_handshakes():
    entry = verilog.generate(Fixed(), "fixed").entry
    assert entry["clock"] is None
    assert list(entry["streams"]) == ["x", "y__0", "y__1"]
    assert "x__ready" not in entry["ports"] and "y__1__valid" not in entry["ports"]


def test_bad_module_name_is_refused():
    with pytest.raises(verilog.GenerationError, match="'1st' is not a Verilog identifier"):
        verilog.generate(None, "1st")


def test_files_are_rewritten_only_when_changed(tmp_path):
    factories = {"multiples": lambda settings: Multiples(), "fixed": lambda settings: Fixed()}

    def write(settings=Settings(), only=None):
        return verilog.write_blocks(settings, factories, tmp_path, only)

    assert [file.changed for file in write()] == [True, True, True]
    before = {path: path.read_bytes() for path in (tmp_path / "small").iterdir()}
    assert sorted(path.name for path in before) == ["fixed.v", "manifest.json", "multiples.v"]
    assert [file.changed for file in write()] == [False, False, False]

    (tmp_path / "small" / "fixed.v").write_text("// someone was here\n")
    assert [file.changed for file in write(only=["multiples"])] == [False, True]
    assert list(json.loads((tmp_path / "small" / manifest.NAME).read_text())["blocks"]) == [
        "multiples"
    ]
    assert [file.changed for file in write(only=["fixed"])] == [True, True]
    assert {path: path.read_bytes() for path in (tmp_path / "small").iterdir()} == before

    write(Settings(lanes=3), only=["fixed"])
    document = json.loads((tmp_path / "small" / manifest.NAME).read_text())
    assert document["configuration"] == {"name": "small", "lanes": 3} and list(
        document["blocks"]
    ) == ["fixed"]


def test_empty_vectors_are_removed_and_must_be_unused():
    head, tail = "module m(a);\n  input a;\n", "  assign b = a;\nendmodule\n"
    text = head + "  wire [-1:0] \\$1 ;\n  wire [-1:0] lane;\n" + tail
    assert verilog._without_empty_vectors(text) == head + tail
    with pytest.raises(verilog.GenerationError, match="lane of no bits is used"):
        verilog._without_empty_vectors(text.replace("assign b", "assign lane"))


def nms(*arguments):
    return CliRunner().invoke(app, ["verilog", *map(str, arguments)], env={"COLUMNS": "200"})


def test_command_writes_one_block_of_a_configuration_file(tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text(
        'name = "mine"\nsamples = 16\nfeatures = 4\nrows = 2\nlanes = 2\nneighbours = 4\n'
        "dimensions = 16\n"
    )
    result = nms("--config", config, "--out", tmp_path / "rtl", "--block", "distance")
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "rtl" / "mine" / "manifest.json").read_text())
    assert document["configuration"]["neighbours"] == 4
    entry = document["blocks"]["distance"]
    assert (entry["file"], entry["top"]) == ("distance.v", "mine_distance")
    text = (tmp_path / "rtl" / "mine" / "distance.v").read_bytes()
    assert hashlib.sha256(text).hexdigest() == entry["sha256"]
    again = nms("--config", config, "--out", tmp_path / "rtl", "--block", "distance")
    assert "written" not in again.output and again.output.count("same") == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "give either --preset NAME or --config FILE.toml"),
        (["--preset", "tiny", "--config", "x.toml"], "give either --preset NAME or --config"),
        (["--preset", "huge"], "huge"),
        (["--config", "no-such.toml"], "no-such.toml does not exist"),
        (["--preset", "tiny", "--block", "sorter"], "unknown block 'sorter': there are exp2"),
    ],
)
def test_command_refuses(tmp_path, arguments, message):
    result = nms(*arguments, "--out", tmp_path / "rtl")
    assert result.exit_code == 2
    assert message in result.output and "Traceback" not in result.output
    assert not (tmp_path / "rtl").exists()


def test_command_refuses_a_bad_configuration(tmp_path):
    config = tmp_path / "bad.toml"
    config.write_text('name = "bad"\nsamples = 0\n')
    result = nms("--config", config, "--out", tmp_path / "rtl")
    assert result.exit_code == 2 and "bad.toml" in result.output
    (tmp_path / "file").write_text("")
    result = nms("--preset", "tiny", "--out", tmp_path / "file")
    assert result.exit_code == 2 and "is a file: give a folder" in result.output


@given(st.lists(st.tuples(st.integers(0, 127), st.integers(-256, 255)), min_size=1))
def test_struct_packing_is_amaranths(pairs):
    shape = manifest.shape_as_json(Operands)
    a, b = np.array(pairs).T
    packed = packing.pack(shape, {"a": a, "b": b})
    assert packed.shape == (len(pairs), 2)
    for row, (x, y) in zip(packed, pairs, strict=True):
        assert int.from_bytes(row.tobytes(), "little") == Operands.const({"a": x, "b": y}).as_bits()
    back = packing.unpack(shape, packed)
    assert np.array_equal(back["a"], a) and np.array_equal(back["b"], b)


@given(st.lists(st.integers(-(1 << 19), (1 << 19) - 1), min_size=5, max_size=5))
def test_array_packing_is_amaranths(values):
    shape = manifest.shape_as_json(Products)
    packed = packing.pack(shape, np.array([values]))
    assert int.from_bytes(packed.tobytes(), "little") == Products.const(values).as_bits()
    assert packing.unpack(shape, packed).tolist() == [values]


@pytest.mark.parametrize(
    "values, message",
    [
        ({"a": [128], "b": [0]}, "128..128 do not fit unsigned 7 bits"),
        ({"a": [0], "b": [-257]}, "-257..-257 do not fit signed 9 bits"),
        ({"a": [0]}, "field 'b' is missing"),
        ({"a": [0], "b": [0], "c": [0]}, r"unknown fields \['c'\]"),
        ({"a": [0], "b": [0, 1]}, "different numbers of beats"),
        ({"a": 0, "b": [0]}, "field a needs 1 axes"),
    ],
)
def test_packing_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        packing.pack(manifest.shape_as_json(Operands), values)
