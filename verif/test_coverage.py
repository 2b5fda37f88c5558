# SPDX-License-Identifier: Apache-2.0
"""Coverage is counted, merged and reported as it was, and what was not reached is told."""

import os
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from golden.desne import Parameters, run_tile
from golden.desne.reduce import make_table
from hw.config import PRESETS
from hw.registers import Phase, Refusal, register_map
from hw.sgmac.registers import GradientPhase
from verif.coverage import code, enabled, functional, observers
from verif.coverage.code import Exclusion, Place
from verif.coverage.model import LEAST, POINTS, UNREACHABLE
from verif.testplan import REPOSITORY

MAP = register_map(PRESETS["tiny"])
DATA = [
    "# SystemC::Coverage-3\n",
    "C '\1l\00210\1n\0028\1page\2v_toggle/m__DOT__top__DOT__sums_0\1o\2bus___05Fx[0]:0->1' 3\n",
    "C '\1f\2b.v\1l\00211\1n\0028\1page\2v_toggle/m__DOT__top__DOT__sums_1\1o\2__0245:0->1' 0\n",
    "C '\1f\2b.v\1l\00212\1n\0025\1page\2v_line/m__DOT__top__DOT__sums_1\1o\2block\1S\00212' 0\n",
    "C '\1f\2b.v\1l\00213\1n\0025\1page\2v_branch/m\1o\2cond_then\1S\00213' 1\n",
    "C '\1f\2b.v\1l\00214\1n\0025\1page\2v_user/m\1o\2cover' 1\n",
]


WRITTEN = r"    if (\$auto$verilog_backend.cc:2355:dump_module$4 ) begin end"


@pytest.fixture
def collecting(monkeypatch, tmp_path):
    monkeypatch.setenv("NMS_COVERAGE", "functional")
    monkeypatch.setenv("NMS_BUILD", str(tmp_path))


@pytest.fixture
def hits(monkeypatch):
    """What is sampled, without anything kept."""
    found = []
    monkeypatch.setenv("NMS_COVERAGE", "functional")
    monkeypatch.setattr(
        observers,
        "sample",
        lambda name, *values: found.extend(
            (name, str(value))
            for value in values
            if str(value) in POINTS[name] or pytest.fail(value)
        ),
    )
    return found


def test_the_model_names_what_there_is():
    assert set(LEAST) <= set(POINTS)
    assert all(name in POINTS[point] and reason for (point, name), reason in UNREACHABLE.items())
    assert all(len(set(bins)) == len(bins) > 0 for bins in POINTS.values())


@pytest.mark.parametrize("words, on", [("", ()), ("code", ("code",)), ("code,functional", None)])
def test_what_is_collected(monkeypatch, words, on):
    monkeypatch.setenv("NMS_COVERAGE", words)
    found = tuple(kind for kind in ("code", "functional") if enabled(kind))
    assert found == (on if on is not None else ("code", "functional"))


def test_an_unknown_kind_is_refused(monkeypatch):
    monkeypatch.setenv("NMS_COVERAGE", "lines")
    with pytest.raises(ValueError, match="holds 'lines': choose from functional, code"):
        enabled("code")


def test_processes_are_added_up(tmp_path):
    """Two processes, one of which samples twice; a bin below its minimum is not good."""
    script = (
        "import sys; from verif.coverage.functional import sample, save\n"
        "for word in sys.argv[1:]: sample('gradient.kernel', word); save()"
    )
    environment = {
        **os.environ,
        "NMS_COVERAGE": "functional",
        "NMS_BUILD": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY),
    }
    for words in (["1", "1", "3", "1"], ["1", "1"]):
        subprocess.run([sys.executable, "-c", script, *words], env=environment, check=True)
    files = list(tmp_path.glob("coverage/functional/hits-*.yaml"))
    assert len(files) == 2
    bins = {(b.point, b.name): b for b in functional.merged(files, tmp_path / "merged.yaml")}
    assert LEAST["gradient.kernel"] == 5
    assert [
        (bins["gradient.kernel", name].hits, bins["gradient.kernel", name].good)
        for name in ("1", "2", "3")
    ] == [(5, True), (0, False), (1, False)]
    assert sum(b.hits for b in bins.values()) == 6
    assert bins["gradient.refusal", "ABSENT"].good, "unreachable, with a reason"
    assert len(bins) == sum(len(names) for names in POINTS.values())


def test_a_bin_that_is_not_there_is_an_error(collecting):
    with pytest.raises(KeyError, match=r"gradient\.kernel has no bin '9'"):
        functional.sample("gradient.kernel", 9)


def test_nothing_is_kept_unless_asked_for(monkeypatch):
    monkeypatch.delenv("NMS_COVERAGE", raising=False)
    functional.sample("no such point", 1)


def test_a_selection_counts_when_it_is_done(hits):
    seen = observers.Registers(PRESETS["tiny"], MAP)
    for name, value in {
        "samples": 3,
        "sample_bytes": 12,
        "budget": 3,
        "rule": 1,
        "drop": 2,
        "spread": 256,
        "iterations": 10,
        "neighbours": 2,
    }.items():
        seen.wrote(name, value)
    seen.wrote("control", MAP["control"].encode(start=1))
    seen.read("status", MAP["status"].encode(busy=1, phase=Phase.EMBED))
    assert hits == []
    done = MAP["status"].encode(done=1)
    seen.read("status", done)
    expected = {
        ("selection.samples", "3"),
        ("selection.samples", "odd"),
        ("selection.bytes", "ragged"),
        ("selection.budget", "all"),
        ("selection.rule and drop", "medoid, 0.5"),
        ("selection.spread", "256"),
        ("selection.iterations", "10 and more"),
        ("selection.neighbours", "all others"),
    }
    assert set(hits) == expected
    seen.read("status", done)
    assert len(hits) == len(expected), "once"


@pytest.mark.parametrize("how", ["abort", "reset"])
def test_an_early_end_counts_for_its_phase(hits, how):
    seen = observers.Registers(PRESETS["tiny"], MAP)
    for prefix, phase in (("", Phase.SAMPLE), ("gradient_", GradientPhase.RANK)):
        seen.wrote(f"{prefix}control", MAP[f"{prefix}control"].encode(start=1))
        seen.read(f"{prefix}status", MAP[f"{prefix}status"].encode(busy=1, phase=phase))
        if how == "abort":
            seen.wrote(f"{prefix}control", MAP[f"{prefix}control"].encode(abort=1))
    if how == "reset":
        seen.reset()
    assert hits == [(f"selection.{how} in", "SAMPLE"), (f"gradient.{how} in", "RANK")]


def test_errors_and_refusals(hits):
    seen = observers.Registers(PRESETS["tiny"], MAP)
    seen.wrote("gradient_mode", MAP["gradient_mode"].encode(operation=2))
    seen.read("gradient_errors", MAP["gradient_errors"].encode(write_decode=1, channels=1))
    seen.read("errors", MAP["errors"].encode(read_slave=1))
    seen.read("status", MAP["status"].encode(refusal=Refusal.DROP))
    assert hits == [
        ("gradient.error", "SCHEDULE, write_decode"),
        ("gradient.illegal list", "SCHEDULE"),
        ("selection.error", "read_slave"),
        ("selection.refusal", "DROP"),
    ]


def test_what_a_tile_computed(hits):
    samples = np.array([[0, 0], [255, 0], [0, 255], [9, 9]], np.uint8)
    parameters = Parameters(neighbours=1, perplexity=1.0, iterations=0)
    table = make_table((2,), 8, 1)
    observers.tile(run_tile(samples, table, parameters, 2), table.kind)
    assert ("selection.tie at the cut", "no") in hits
    hits.clear()
    square = np.array([[0, 0], [9, 0], [0, 9], [9, 9]], np.uint8)
    observers.tile(run_tile(square, table, parameters, 2), table.kind)
    assert {("selection.tie at the cut", "yes"), ("selection.reduce", "identity")} <= set(hits)
    assert ("selection.feature", "255") not in hits and ("selection.feature", "0") in hits


def test_what_an_update_rounded(hits):
    def job(gradient, shift):
        result = SimpleNamespace(weight_gradient=np.array([[gradient]]), saturated=0)
        update = SimpleNamespace(multiplier=[1], shift=[shift])
        sizes = SimpleNamespace(depthwise=False)
        observers.update(result, SimpleNamespace(channels=[0], sizes=sizes, update=update))
        return [value for name, value in hits if name == "gradient.rounding"][-1]

    assert [job(*case) for case in ((6, 2), (5, 2), (7, 2), (4, 2), (9, 0), (-1, 2))] == [
        "tie",
        "down",
        "up",
        "no fraction",
        "no fraction",
        "up",
    ]


def test_channel_lists(hits):
    for listed in ([0, 1, 2, 3], [1, 2], [3]):
        observers.channels(listed, 4)
    assert [value for _, value in hits] == [
        "even",
        "all",
        "even",
        "neither first nor last",
        "odd",
        "one",
    ]


def test_bursts_and_stalls(hits):
    rules = SimpleNamespace(offered=[(7, 0xFF8, 1), (9, 0x1000, 64)], beat=8, under_way=5)
    quiet = {"arvalid": 1, "arready": 0, "rvalid": 1}
    observers.Port("read", rules, "memory").step(quiet)
    assert hits == [
        ("port.stalled channel", "ar"),
        ("port.read.beats of a burst", "1"),
        ("port.read.page of 4 KiB", "ends with it"),
        ("port.read.bursts under way", "4 and more"),
        ("port.read.beats of a burst", "64"),
        ("port.read.page of 4 KiB", "begins with it"),
        ("port.read.bursts under way", "4 and more"),
    ]
    hits.clear()
    observers.Port("read", rules, "axi").step(quiet)
    assert hits == [], "a port of a single block"


def test_data_of_verilator_is_read():
    points = dict(code.read(DATA))
    toggle = Place(kind="toggle", module="m.top.sums_0", line=10, column=8, name="bus__x[0]:0->1")
    assert points[toggle] == 3
    assert sorted((p.kind, p.name, n) for p, n in points.items()) == [
        ("branch", "cond_then", 1),
        ("line", "block", 0),
        ("toggle", "$5:0->1", 0),
        ("toggle", "bus__x[0]:0->1", 3),
    ]


def test_a_name_that_verilator_cut_is_whole_again():
    page = "v_line/m__DOT__top____VhshhDgtwjO2s1hRgKlRYvkNAAZyvNBqqfu9O4tW7SOX"
    point = f"C '\1l\0021\1page\2{page}\1o\2block\1h\2TOP.m.top.search.log2$36.normalise' 2\n"
    ((place, count),) = code.read([point])
    assert (place.module, count) == ("m.top.search.log2$36.normalise", 2)


def test_files_are_kept_and_added_up(collecting, tmp_path):
    for _ in range(2):
        data = code.fresh()
        data.parent.mkdir(parents=True, exist_ok=True)
        data.write_text("".join(DATA))
        code.keep(data, "\n" * 12 + WRITTEN)
        assert not data.exists()
    files = sorted(tmp_path.glob("coverage/code/*.dat.gz"))
    assert len(files) == 2
    merged = code.merge(files)
    assert sorted(merged.values()) == [0, 0, 6], "the branch in line 13 is the writer's own"
    assert {place.kind for place in merged} == {"line", "toggle"}
    code.keep(tmp_path / "never written", "")
    assert len(list(tmp_path.glob("coverage/code/*"))) == 2


def test_shares_by_block_and_exclusions():
    counts = Counter(dict(code.read(DATA)))
    own = Exclusion(kind="toggle", module="*", name="$*", reason="r")
    idle = Exclusion(kind="line", module="other", name="*", reason="r")
    shares, unused = code.by_block(counts, [own, idle], depth=3)
    assert set(shares) == {"sums", "(ports)"}
    assert unused == [idle]
    assert (shares["sums"].percent("line"), shares["sums"].percent("toggle")) == ("0.0", "100.0")
    assert shares["sums"].excluded == {"toggle": 1}
    rows = list(code.table(shares))
    assert "| sums | 1 | 0.0 | 0 | - | 1 | 100.0 | 1 |" in rows
    assert rows[-1].startswith("| all | 1 | 0.0 | 1 | 100.0 | 1 | 100.0 |")
    assert list(code.missed(counts, [own])) == ["m.top.sums_1: line 12, line block"]


def test_blocks_below_a_floor_are_told():
    place = {k: Place(kind=k, module="m.top.a", line=1, column=1, name=k) for k in code.KINDS}
    counts = Counter({place["line"]: 1, place["branch"]: 0, place["toggle"]: 0})
    shares, _ = code.by_block(counts, [], 2)
    assert list(code.short(shares)) == ["a: 0.0 % of toggles, below 90 %"]
    counts[place["toggle"]] = 1
    assert not list(code.short(code.by_block(counts, [], 2)[0]))


def test_every_exclusion_has_a_reason(tmp_path):
    assert code.load_exclusions()
    spoilt = tmp_path / "exclusions.yaml"
    spoilt.write_text("- {kind: toggle, module: '*', name: '*', reason: ''}")
    with pytest.raises(ValueError, match="needs kind, module, name and reason"):
        code.load_exclusions(spoilt)
