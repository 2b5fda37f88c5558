# SPDX-License-Identifier: Apache-2.0
"""scripts/synth: what it reads from reports, what it calls worse, and one block for real."""

import copy
import dataclasses
import json
import sys

import pytest
from typer import Typer
from typer.testing import CliRunner

from hw.config import PRESETS
from rtl_gen.blocks import generate_block
from rtl_gen.verilog import Block
from scripts.synth import __main__ as command
from scripts.synth import baseline, figures, flow, tools

UTILIZATION = {
    "TRELLIS_COMB": {"available": 83640, "used": 17012},
    "TRELLIS_FF": {"available": 83640, "used": 14022},
    "MULT18X18D": {"available": 156, "used": 3},
    "DP16KD": {"available": 208, "used": 2},
}


def report(mhz: float) -> dict:
    """As nextpnr writes it."""
    return {"fmax": {"clk": {"achieved": mhz, "constraint": 100.0}}, "utilization": UTILIZATION}


def entry(mhz: dict[int, float], **cells: int) -> dict:
    counted = {"LUT4": 5000, "TRELLIS_FF": 9000, "DP16KD": 2, "PFUMX": 7} | cells
    reports = {seed: report(value) for seed, value in mhz.items()}
    return figures.describe(
        counted, reports, verilog="0" * 64, tools={"yosys": "0.70"}, target_mhz=100.0
    )


def test_an_entry_is_what_the_reports_say():
    made = entry({1: 101.26, 2: 99.94, 10: 120.0}, CCU2C=12)
    assert made["mhz"] == {"1": 101.3, "2": 99.9, "10": 120.0}
    assert made["worst_mhz"] == 99.9 and made["comb"] == 17012
    assert made["cells"] == {
        "LUT4": 5000,
        "CCU2C": 12,
        "TRELLIS_FF": 9000,
        "TRELLIS_DPR16X4": 0,
        "MULT18X18D": 0,
        "DP16KD": 2,
    }
    unplaced = entry({})
    assert unplaced["mhz"] == {} and unplaced["worst_mhz"] is None and unplaced["comb"] is None


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"fmax": {}},
        {"fmax": None},
        {"fmax": {"a": {"achieved": 90.0}, "b": {"achieved": 80.0}}},
        {"fmax": {"clk": {"achieved": 0.0}}},
        {"fmax": {"clk": {"achieved": float("nan")}}},
    ],
)
def test_a_report_without_one_frequency_is_refused(broken):
    with pytest.raises(figures.ReportError):
        figures.clock_mhz(broken)


def test_a_report_without_utilization_is_refused():
    with pytest.raises(figures.ReportError, match="DP16KD"):
        left = {name: use for name, use in UTILIZATION.items() if name != "DP16KD"}
        figures.used(report(100.0) | {"utilization": left})


def test_cells_come_from_the_whole_design(tmp_path):
    path = tmp_path / "cells.json"
    assert figures.cells_in(path) == {}
    path.write_text(json.dumps({"design": {"num_cells_by_type": {"LUT4": 3, "CCU2C": 1}}}))
    assert figures.cells_in(path) == {"LUT4": 3, "CCU2C": 1}
    for text in ("", "{}", '{"design": {"num_cells_by_type": {}}}', '{"design": []}'):
        path.write_text(text)
        with pytest.raises(figures.ReportError):
            figures.cells_in(path)


@pytest.mark.parametrize(
    "change, expected",
    [
        ({}, None),
        ({"LUT4": 5249}, None),
        ({"LUT4": 5251}, "5,251 LUT4, the baseline has 5,000"),
        ({"LUT4": 10}, None),
        ({"CCU2C": figures.CELL_SLACK}, None),
        ({"CCU2C": figures.CELL_SLACK + 1}, "33 CCU2C, the baseline has 0"),
        ({"DP16KD": 3}, "3 DP16KD, the baseline has 2"),
        ({"MULT18X18D": 1}, "1 MULT18X18D, the baseline has 0"),
    ],
)
def test_more_cells_are_worse(change, expected):
    sentences = figures.worse("embed", entry({1: 100.0}, **change), entry({1: 100.0}), 5.0)
    assert len(sentences) == (expected is not None)
    assert all(sentence.startswith("embed: ") and expected in sentence for sentence in sentences)


@pytest.mark.parametrize(
    "now, before, is_worse",
    [
        ({1: 95.1}, {1: 100.0}, False),
        ({1: 94.9}, {1: 100.0}, True),
        ({1: 120.0, 2: 94.9}, {1: 100.0, 2: 100.0}, True),
        ({1: 94.9, 2: 94.9}, {1: 120.0, 2: 95.0}, False),  # the worst seed decides
        ({2: 94.0}, {1: 90.0, 2: 100.0}, True),  # only seeds that both have
        ({1: 100.0, 9: 50.0}, {1: 100.0}, False),
    ],
)
def test_a_lower_clock_is_worse(now, before, is_worse):
    sentences = figures.worse("top", entry(now), entry(before), 5.0)
    assert len(sentences) == is_worse
    assert all("MHz at the worst of seeds" in sentence for sentence in sentences)


@pytest.mark.parametrize("now, before", [({1: 100.0}, {}), ({}, {1: 100.0}), ({4: 9.0}, {1: 9.0})])
def test_other_seeds_are_not_compared(now, before):
    with pytest.raises(figures.ReportError, match="cannot be compared"):
        figures.worse("top", entry(now), entry(before), 5.0)


def test_a_baseline_keeps_its_other_blocks(tmp_path):
    path = baseline.path_of("tiny", tmp_path)
    assert baseline.read(path) == {}
    baseline.write(path, "tiny", flow.DEVICE, {"top": entry({1: 80.0}), "embed": entry({1: 90.0})})
    baseline.write(path, "tiny", flow.DEVICE, {"top": entry({1: 85.0})})
    assert baseline.read(path) == {"top": entry({1: 85.0}), "embed": entry({1: 90.0})}
    document = json.loads(path.read_text())
    del document["blocks"]["top"]["cells"]["LUT4"]
    for broken in ("", "[]", '{"format": 0, "blocks": {}}', json.dumps(document)):
        path.write_text(broken)
        with pytest.raises(figures.ReportError, match=r"tiny\.json is no baseline"):
            baseline.read(path)


def test_versions():
    assert tools.version_of("Yosys 0.70 (git sha1 28ba3cb92)") == "0.70"
    assert tools.version_of('"nextpnr-ecp5" -- Next (Version nextpnr-0.11.1)') == "0.11.1"
    assert tools.version_of('"nextpnr-ecp5" -- Next (Version 0.11.1+dfsg-5+b1)') == "0.11.1"
    assert tools.version_of("command not found") is None


def test_a_missing_tool_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(tools.WHEELS, "yosys", (str(tmp_path / "yosys"),))
    with pytest.raises(tools.SynthesisError, match=r"yosys 0\.40 or newer.*\.\[synth\]"):
        tools.find("yosys")


app = Typer()
app.command()(command.main)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--preset", "huge"], "huge is neither a preset (tiny, edge, train, wide) nor a conf"),
        (["--preset", "tiny", "--block", "engine"], "unknown block 'engine'"),
        (["--preset", "tiny", "--seeds", "one"], "give whole numbers"),
        (["--preset", "tiny", "--block", "lite_slave", "--check"], "has no figures of lite_slave"),
    ],
)
def test_bad_input(arguments, said):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and said in result.stderr.replace("\n", " ")


def test_a_configuration_of_ones_own(tmp_path, monkeypatch):
    """From a TOML file; it has figures, and no baseline."""
    own = dataclasses.replace(PRESETS["tiny"], name="own", rows=4)
    source = tmp_path / "own.toml"
    source.write_text(
        "".join(f"{key} = {json.dumps(value)}\n" for key, value in dataclasses.asdict(own).items())
    )
    asked = []
    monkeypatch.setattr(
        command, "_measure", lambda *given: asked.append(given) or {"top": entry({1: 100.0})}
    )
    arguments = ["--preset", str(source), "--block", "top", "--seeds", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert asked == [(own, ["top"], [1])] and "own on" in result.stdout
    for option in ("--check", "--update"):
        result = CliRunner().invoke(app, [*arguments, option])
        assert result.exit_code == 2 and "is no preset" in result.stderr.replace("\n", " ")
    assert len(asked) == 1


@pytest.mark.parametrize("factor, status", [(1.0, 0), (2.0, 1)])
def test_check_decides_the_exit_status(tmp_path, monkeypatch, factor, status):
    """The flow stands aside: what is measured is given."""
    before = entry({1: 100.0, 2: 104.0})
    path = tmp_path / "tiny.json"
    baseline.write(path, "tiny", flow.DEVICE, {"top": before})
    now = copy.deepcopy(before)
    now["cells"]["LUT4"] = int(now["cells"]["LUT4"] * factor)
    monkeypatch.setattr(baseline, "path_of", lambda preset: path)
    monkeypatch.setattr(command, "_measure", lambda *_: {"top": now})
    result = CliRunner().invoke(app, ["--preset", "tiny", "--block", "top", "--check"])
    assert result.exit_code == status, result.output
    assert ("10,000 LUT4" in result.stderr) == (status == 1)


@pytest.mark.parametrize("cells, more", [(46_340, ()), (46_341, flow.LARGE)])
def test_a_large_design_gets_its_own_options(tmp_path, monkeypatch, cells, more):
    """The tool stands aside: it writes the report, and keeps what it was asked."""
    monkeypatch.setenv("NMS_BUILD", str(tmp_path / "build"))
    statistics = {"design": {"num_cells_by_type": {"LUT4": cells}}}
    (tmp_path / "cells.json").write_text(json.dumps(statistics))
    tool = tmp_path / "tool.py"
    tool.write_text(
        f"import sys; open('report.json', 'w').write({json.dumps(json.dumps(report(100.0)))}); "
        "open('asked', 'w').write(' '.join(sys.argv))"
    )
    nextpnr = tools.Tool(
        command=(sys.executable, str(tool)), name="nextpnr-ecp5", version=str(cells)
    )
    block = Block(top="small", verilog="", entry={})
    made = flow.place(nextpnr, block, tmp_path / "netlist.json", 7, 100.0)
    asked = (made.parent / "asked").read_text()
    assert "--seed 7 " in asked and "--freq 100 " in asked
    assert ("--router router2" in asked) == bool(more)
    assert all(option in asked for option in more)


@pytest.mark.slow
def test_a_small_block_for_real(tmp_path, monkeypatch):
    try:
        yosys, nextpnr = tools.find("yosys"), tools.find("nextpnr-ecp5")
    except tools.SynthesisError as error:
        pytest.skip(str(error))  # tools of the optional extra `synth`; the message is the remedy
    monkeypatch.setenv("NMS_BUILD", str(tmp_path))
    block = generate_block(PRESETS["tiny"], "exp2")
    folder = flow.synthesize(yosys, block)
    cells = figures.cells_in(folder / "cells.json")
    assert cells["LUT4"] > 0 and cells["TRELLIS_FF"] > 0
    made = flow.place(nextpnr, block, folder / "netlist.json", 1, 100.0)
    document = json.loads(made.read_text())
    assert figures.clock_mhz(document) > 20
    ports = block.entry["ports"].values()
    bits = sum(port["width"] for port in ports) + ("rst" not in block.entry["ports"])
    around = 2 * bits  # one of the shift register, one between it and the port
    assert 0 <= figures.used(document)["TRELLIS_FF"][0] - cells["TRELLIS_FF"] <= around
    stamp = made.stat().st_mtime_ns
    assert flow.place(nextpnr, block, folder / "netlist.json", 1, 100.0) == made
    assert made.stat().st_mtime_ns == stamp, "the second run came from the cache"
    broken = Block(top=block.top, verilog="module x(", entry=block.entry)
    with pytest.raises(tools.SynthesisError, match="Yosys failed"):
        flow.synthesize(yosys, broken)
