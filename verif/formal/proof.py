# SPDX-License-Identifier: Apache-2.0
"""The list of proofs."""

from collections.abc import Callable
from dataclasses import dataclass

from verif.formal.bench import Bench
from verif.formal.broken import Broken

__all__ = ["PROOFS", "Proof", "proof"]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Claims about a block, and a broken block that must violate one of them.

    Attributes
    ----------
    name: unique, also a folder's. block: what is proved, with its parameters. claim: what about
    it, in words. build: puts block and claims on a bench. broken: what must be refuted. depth:
    cycles from reset that are looked at; None: all. limit: seconds for the solver.
    """

    name: str
    block: str
    claim: str
    build: Callable[[Bench], None]
    broken: Broken
    depth: int | None
    limit: int

    @property
    def method(self) -> str:
        """How it is decided."""
        if self.depth:
            return "bounded"
        return "from any state" if self.bench().window is not None else "induction"

    def bench(self) -> Bench:
        """Block, claims and suppositions."""
        bench = Bench()
        self.build(bench)
        return bench


PROOFS: dict[str, Proof] = {}


def proof(
    block: str, claim: str, broken: Broken, *, depth: int | None = None, limit: int = 120
) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Registers the function below as a proof under its own name."""

    def register(build: Callable[[Bench], None]) -> Callable[[Bench], None]:
        name = build.__name__
        if name in PROOFS:
            raise ValueError(f"there are two proofs {name}")
        PROOFS[name] = Proof(
            name=name,
            block=block,
            claim=claim,
            build=build,
            broken=broken,
            depth=depth,
            limit=limit,
        )
        return build

    return register
