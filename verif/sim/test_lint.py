# SPDX-License-Identifier: Apache-2.0
"""Lint of the generated accelerator; what lint must find is found in spite of the waivers."""

import re

import pytest

from hw.config import PRESETS
from rtl_gen.blocks import generate_block
from scripts import lint_rtl
from scripts.synth import tools
from verif.sim.build import WAIVERS

NEVER_WAIVED = (
    "BLKSEQ",
    "COMBDLY",
    "IMPLICIT",
    "LATCH",
    "MULTIDRIVEN",
    "PINMISSING",
    "SELRANGE",
    "UNDRIVEN",
    "UNOPTFLAT",
)
"""What tells of a fault whatever wrote the Verilog."""
NEVER_WIDELY = ("UNSIGNED", "UNUSEDSIGNAL", "WIDTHTRUNC")
"""What may be waived with a pattern of the message only."""

FAULTS = {
    "LATCH": "always @* if (a) y = b;",
    "UNDRIVEN": "wire n;\n  always @* y = a & b & n;",
    "MULTIDRIVEN": "always @(posedge clk) y <= a;\n  always @(negedge clk) y <= b;",
    "UNOPTFLAT": "wire [1:0] n = {n[0] ^ a, n[1] ^ b};\n  always @* y = n[0];",
    "WIDTHTRUNC": "always @* y = {a, b} + 2'h1;",
    "UNUSEDSIGNAL": "reg n;\n  always @(posedge clk) begin n <= a; y <= b; end",
    "SELRANGE": "wire [1:0] n = {a, b};\n  always @* y = n[2];",
}
MODULE = """\
module faulty(clk, a, b, y);
  input clk;
  input a;
  input b;
  output y;
  reg y;
  {body}
endmodule
"""


def yosys_or_skip():
    try:
        tools.find("yosys")
    except tools.SynthesisError as error:
        pytest.skip(str(error))  # of the optional extra `synth`; the message is the remedy


@pytest.mark.verilator
@pytest.mark.parametrize("name", ["top", "read_master", "write_master", "lite_slave"])
def test_tiny(name):
    block = generate_block(PRESETS["tiny"], name)
    lint_rtl.verilator(block.verilog, block.top)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("preset", ["edge", "wide"])
def test_large(preset):
    block = generate_block(PRESETS[preset], "top")
    lint_rtl.verilator(block.verilog, block.top)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["tiny", "edge"])
def test_yosys(preset):
    yosys_or_skip()
    block = generate_block(PRESETS[preset], "top")
    lint_rtl.yosys(block.verilog, block.top)


@pytest.mark.verilator
@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_is_found(rule):
    with pytest.raises(lint_rtl.LintError, match=f"%Warning-{rule}: "):
        lint_rtl.verilator(MODULE.format(body=FAULTS[rule]), "faulty")


@pytest.mark.verilator
def test_a_sound_module_passes():
    lint_rtl.verilator(MODULE.format(body="always @(posedge clk) y <= a & b;"), "faulty")


@pytest.mark.slow
def test_yosys_finds_a_net_without_a_driver():
    yosys_or_skip()
    with pytest.raises(lint_rtl.LintError, match="n is used but has no driver"):
        lint_rtl.yosys(MODULE.format(body=FAULTS["UNDRIVEN"]), "faulty")


def test_waivers_are_narrow_and_have_reasons():
    waived, reason = [], False
    for line in WAIVERS.read_text(encoding="utf-8").splitlines()[4:]:
        found = re.fullmatch(r'lint_off -rule ([A-Z]+)( -file "\*" -match "(.+)")?', line)
        if found is None:
            assert not line or line.startswith(("//", "`verilator_config")), line
            reason = line.startswith("//")
            continue
        rule, _, pattern = found.groups()
        assert reason, f"no reason above {line}"
        assert rule not in NEVER_WAIVED, line
        assert pattern or rule not in NEVER_WIDELY, line
        waived.append((rule, pattern))
    assert waived and len(set(waived)) == len(waived)
