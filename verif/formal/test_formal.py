# SPDX-License-Identifier: Apache-2.0
"""The proofs' machinery: it proves what holds, refutes what does not, and knows which is which."""

import dataclasses
from importlib.util import find_spec

import pytest

from verif.formal import queues  # registers its proofs
from verif.formal.__main__ import Outcome, decide_apart, run
from verif.formal.broken import Broken
from verif.formal.proof import PROOFS
from verif.formal.solver import FormalError, replay

assert queues
SOLVER = pytest.mark.skipif(
    find_spec("pyosys") is None, reason="pyosys is not there: pip install -e .[formal]"
)
PROOF = PROOFS["credit_queue_3"]


@SOLVER
def test_proof_and_refutation(tmp_path):
    outcome = run(PROOF, tmp_path)
    assert outcome.good
    assert outcome.verdict.result == "proved" and outcome.verdict.clauses > 0
    assert outcome.variant.claim and outcome.variant.depth > 1
    wave = replay(tmp_path / PROOF.name / "broken").read_text(encoding="utf-8")
    assert "available" in wave


@SOLVER
def test_a_variant_that_is_not_broken_is_told(tmp_path):
    same = Broken("hw.stream", "self.available.eq(free != 1)", "self.available.eq(~(free == 1))")
    proof = dataclasses.replace(PROOF, broken=same)
    outcome = run(proof, tmp_path)
    assert outcome.variant.result == "proved" and not outcome.good


@SOLVER
def test_depth(tmp_path):
    proof = dataclasses.replace(PROOF, depth=3)
    verdict = decide_apart(proof, tmp_path / "short", broken=False)
    assert (verdict.result, verdict.depth) == ("held", 3)
    # the fault shows in a later cycle
    assert not Outcome(
        proof=proof, verdict=verdict, variant=decide_apart(proof, tmp_path / "b", broken=True)
    ).good


def test_a_patch_must_fit_once(tmp_path):
    proof = dataclasses.replace(PROOF, broken=Broken("hw.stream", "no such text", ""))
    with pytest.raises(FormalError, match=r"0 times in hw\.stream"):
        decide_apart(proof, tmp_path, broken=True)
