# SPDX-License-Identifier: Apache-2.0
"""Directed gradient jobs at the edge of what is legal, from both sides.

Each function takes a port of the compiled `tiny` accelerator, and raises when something is wrong.
Most were found as mutants of the netlist that survived 500 rounds of the soak.
"""

from host.accelerator import JobRefused
from host.gradient_driver import GradientDriver
from rtl_gen.interface import GradientOperation
from verif.sim.directed_gradient import LIMIT, MEMORY, exact
from verif.sim.top import SimulatedPort
from verif.vectors.sgmac import convolution

LEGAL = "no reason"


class _Verdicts:
    """What the unit says to sizes, on arrays that are in memory already."""

    def __init__(self, port: SimulatedPort) -> None:
        self.driver = GradientDriver(port, memory=MEMORY, timeout=LIMIT)
        exact(self.driver, convolution(1, 1, (1, 1)), (0,))

    def of(self, *, bias: int = 0, **words: dict[str, int]) -> str:
        """Why a gradient job with these registers is refused, or LEGAL."""
        try:
            mode = {"operation": GradientOperation.GRADIENT, "bias": bias}
            self.driver._order(mode=mode, **words)
        except JobRefused as refusal:
            return refusal.reason
        return LEGAL

    def of_maps(self, x: tuple[int, int], error: tuple[int, int], **kernel: int) -> str:
        """The same, of the sides of both maps."""
        return self.of(
            input_size={"height": x[0], "width": x[1]},
            error_size={"height": error[0], "width": error[1]},
            kernel={"size": 1, "stride": 1} | kernel,
        )


def one_window_less(port: SimulatedPort) -> None:
    """An error map one window too small, or four, on one side; a map of x with one side of each
    size just above a power of two."""
    verdict = _Verdicts(port)
    for side in range(2, 13):
        for missing in {1, min(4, side - 1)}:
            assert verdict.of_maps((side, 1), (side - missing, 1)) == "error_size"
            assert verdict.of_maps((1, side), (1, side - missing)) == "error_size"
            assert verdict.of_maps((5, 5), (5, 5 - min(missing, 4))) == "error_size"
    for bit in range(port.config.plane.bit_length(), 16):
        for sides in (1, 1 << bit | 1), (1 << bit | 1, 1):
            assert verdict.of_maps(sides, (1, 1)) == "input_size", sides


def more_than_a_plane(port: SimulatedPort) -> None:
    """Errors whose windows fit the padded map of x, and a plane or just not."""
    verdict, plane = _Verdicts(port), port.config.plane
    for side in range(1, 9):
        for other in {1, plane // (side + 2) - 2, plane // (side + 2) - 1, plane // side}:
            if other < 1 or side * other > plane:
                continue
            want = "error_size" if (side + 2) * (other + 2) > plane else LEGAL
            for turn in (1, -1):
                x, error = (side, other)[::turn], (side + 2, other + 2)[::turn]
                got = verdict.of_maps(x, error, size=3, padding=2, padding_above=2)
                assert got == want, f"{x}, {error}: {got}"


def more_than_the_biases(port: SimulatedPort) -> None:
    """Outputs with bias gradients, up to as many as there are places for them, and beyond."""
    verdict, most = _Verdicts(port), port.config.channels
    for outputs in (*range(most - 1, 2 * most), *(1 << bit for bit in range(5, 16)), 0xFFFF):
        got = verdict.of(outputs={"value": outputs}, bias=1)
        assert got == (LEGAL if outputs <= most else "outputs"), f"{outputs} outputs: {got}"


DIRECTED = (one_window_less, more_than_a_plane, more_than_the_biases)
