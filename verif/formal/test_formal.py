# SPDX-License-Identifier: Apache-2.0
"""The proofs' machinery: it proves what holds, refutes what does not, and knows which is which."""

import dataclasses
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from verif.formal.__main__ import MODULES, Outcome, decide_apart, run
from verif.formal.broken import Broken
from verif.formal.proof import PROOFS
from verif.formal.solver import FormalError, replay

for module in MODULES:
    import_module(module)  # registers its proofs
SOLVER = pytest.mark.skipif(
    find_spec("pyosys") is None, reason="pyosys is not there: pip install -e .[formal]"
)
PROOF = PROOFS["credit_queue_3"]


@SOLVER
def test_proof_and_refutation(tmp_path):
    outcome = run(PROOF, tmp_path)
    assert outcome.good
    assert outcome.verdict.result == "proved" and outcome.verdict.clauses > 0
    assert len(outcome.variants) == len(PROOF.broken)
    assert all(variant.claim and variant.depth > 1 for variant in outcome.variants)
    wave = replay(tmp_path / PROOF.name / "broken_0").read_text(encoding="utf-8")
    assert "available" in wave


@SOLVER
def test_a_variant_that_is_not_broken_is_told(tmp_path):
    same = Broken("hw.stream", "self.available.eq(free != 1)", "self.available.eq(~(free == 1))")
    proof = dataclasses.replace(PROOF, broken=(same,))
    outcome = run(proof, tmp_path)
    assert outcome.variants[0].result == "proved" and not outcome.good


@SOLVER
def test_depth(tmp_path):
    proof = dataclasses.replace(PROOF, depth=3)
    verdict = decide_apart(proof, tmp_path / "short")
    assert (verdict.result, verdict.depth) == ("held", 3)
    # the fault shows in a later cycle
    variant = decide_apart(proof, tmp_path / "broken", proof.broken[0])
    assert not Outcome(proof=proof, verdict=verdict, variants=(variant,)).good


def test_a_patch_must_fit_once(tmp_path):
    with pytest.raises(FormalError, match=r"0 times in hw\.stream"):
        decide_apart(PROOF, tmp_path, Broken("hw.stream", "no such text", ""))


@pytest.mark.parametrize("name", PROOFS)
def test_variants_fit_the_source(name):
    for broken in PROOFS[name].broken:
        source = Path(find_spec(broken.module).origin).read_text(encoding="utf-8")
        assert source.count(broken.old) == 1, f"mend the variant of {name}: {broken}"
        assert broken.new != broken.old
