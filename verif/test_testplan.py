# SPDX-License-Identifier: Apache-2.0
"""The test plan is whole, and its check and its report see what is wrong."""

import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from verif import testplan
from verif.testplan import PLAN, PlanError, defined, faults, load, main, read_results

GOOD = """
testpoints:
- {name: a, feature: f, stimulus: s, check: c, stage: 1, tests: ["x/test_a.py"]}
- {name: b, feature: f, stimulus: s, check: c, stage: 2, tests: ["x/test_b.py::test_o*"],
   proofs: [p]}
"""
FUNCTIONS = {"x/test_a.py::test_one", "x/test_a.py::test_two", "x/test_b.py::test_one"}
JUNIT = """<testsuites><testsuite>
<testcase classname="x.test_a" name="test_one[1]"/>
<testcase classname="x.test_a" name="test_one[2-x[0]]">{one}</testcase>
<testcase classname="x.test_a" name="test_two">{two}</testcase>
<testcase classname="x.test_b" name="{three}"/>
</testsuite></testsuites>"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(GOOD)
    return path


def test_the_plan_is_whole():
    assert list(faults(load(PLAN), defined(), testplan.known_proofs())) == []


@pytest.mark.slow
def test_pytest_collects_what_is_defined():
    assert testplan.collected() == defined()


def test_a_whole_plan_has_no_faults(plan):
    assert list(faults(load(plan), FUNCTIONS, {"p"})) == []


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ("test_o*", "test_x", "b: there is no test x/test_b.py::test_x"),
        ("x/test_a.py", "x/test_c.py", "x/test_a.py::test_one: stands in no testpoint"),
        ("x/test_a.py", "x/test_a.py::test_one", "x/test_a.py::test_two: stands in no testpoint"),
        ('["x/test_a.py"]', "[]", "a: has neither tests nor proofs"),
        ("[p]", "[q]", "b: there is no proof q"),
        ("[p]", "[]", "proof p: stands in no testpoint"),
    ],
)
def test_each_fault_is_named(plan, old, new, sentence):
    plan.write_text(GOOD.replace(old, new))
    assert sentence in list(faults(load(plan), FUNCTIONS, {"p"}))


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ("name: b", "name: a", "the name 'a' is there twice"),
        ("check: c", "check: ''", r"testpoint 1 \(a\) says nothing as 'check'"),
        ("stimulus: s, ", "", r"testpoint 1 \(a\) says nothing as 'stimulus'"),
        ("stage: 2", "stage: 4", r"testpoint 2 \(b\) has stage 4: it must be 1, 2 or 3"),
        ("proofs:", "proof:", r"testpoint 2 \(b\) has the unknown field 'proof'"),
        ("[p]", "p", r"testpoint 2 \(b\): 'proofs' is no list of names"),
        ("testpoints:", "points:", "has no list 'testpoints'"),
        ("testpoints:", "testpoints: {", "is no YAML"),
    ],
)
def test_what_is_no_plan(plan, old, new, sentence):
    plan.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(PlanError, match=sentence):
        load(plan)


def junit(folder: Path, one: str = "", two: str = "", three: str = "test_one") -> Path:
    path = folder / "results.xml"
    path.write_text(JUNIT.format(one=one, two=two, three=three))
    return path


def test_results_are_counted_by_function(tmp_path):
    results = read_results([junit(tmp_path, one="<failure/>", two="<skipped/>")])
    assert results == {
        "x/test_a.py::test_one": Counter(passed=1, failed=1),
        "x/test_a.py::test_two": Counter(skipped=1),
        "x/test_b.py::test_one": Counter(passed=1),
    }


@pytest.mark.parametrize(
    "changes, proved, status, told",
    [
        ({}, True, 0, ["2 testpoints: 2 passed"]),
        ({"two": "<skipped/>"}, True, 0, ["1 part", "part: a: x/test_a.py::test_two"]),
        ({"one": "<failure/>"}, True, 1, ["1 FAILED", "FAILED: a: x/test_a.py::test_one"]),
        ({"two": "<error/>"}, True, 1, ["FAILED: a: x/test_a.py::test_two"]),
        ({}, False, 1, ["FAILED: b: proof p"]),
        ({"three": "test_new"}, True, 1, ["in no testpoint: x/test_b.py::test_new"]),
    ],
)
def test_the_report_decides_the_exit_status(plan, tmp_path, capsys, changes, proved, status, told):
    proofs = tmp_path / "report.json"
    proofs.write_text(json.dumps([{"name": "p", "good": proved}]))
    arguments = ["--plan", str(plan), "--proofs", str(proofs)]
    assert main([*arguments, "--results", str(junit(tmp_path, **changes))]) == status
    printed = capsys.readouterr().out
    for words in told:
        assert words in printed


def test_what_did_not_run_is_told(plan, capsys):
    ran = {"x/test_a.py::test_one": Counter(passed=3)}
    assert testplan.report(load(plan), FUNCTIONS, ran, Console(width=150)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 testpoints: 1 not run, 1 part"
    assert "part: a: x/test_a.py::test_two" in lines and "not run: b: proof p" in lines


def test_files_that_cannot_be_read(plan, tmp_path, capsys):
    spoilt = tmp_path / "spoilt"
    spoilt.write_text("<x")
    for option in ("--results", "--proofs"):
        for path in (spoilt, tmp_path / "missing"):
            assert main(["--plan", str(plan), option, str(path)]) == 2
            assert f"error: {path} cannot be read as" in capsys.readouterr().err
