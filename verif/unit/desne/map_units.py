# SPDX-License-Identifier: Apache-2.0
"""What the tests of the parts of embed share: the equations in plain integers, and a simulator."""

from amaranth.sim import Simulator

from golden.desne.embed import similarity

AXES = ("x", "y")
LOW, HIGH = -(1 << 14), (1 << 14) - 1
CORNERS = [(x, y) for x in (LOW, HIGH) for y in (LOW, HIGH)]
"""Of the map: the longest distances there are."""


def simulate(dut, *testbenches):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


def pair(value):
    """A struct of x and y as a tuple."""
    return value.x, value.y


def vector(values):
    return dict(zip(AXES, map(int, values), strict=True))


def random_points(rng, n):
    """Points as a map has them: corners, a few that coincide, clusters and strays."""
    points = [*CORNERS, (0, 0), (0, 0), (1, 0)]
    while len(points) < n:
        spread = rng.choice((4, 300, 3000, HIGH))
        points.append((rng.randint(-spread, spread), rng.randint(-spread, spread)))
    return points[:n]


def round_shift(x, shift):
    return (x + (1 << shift - 1)) >> shift


def saturate(x, low, high):
    return min(max(x, low), high)


def repulsion(points):
    """Forces, and Z."""
    forces, total = [], 0
    for i, (x, y) in enumerate(points):
        fx = fy = 0
        for j, (other_x, other_y) in enumerate(points):
            if i != j:
                q = int(similarity(x - other_x, y - other_y))
                q2 = min((q * q + 64) >> 7, (1 << 17) - 1)
                fx, fy, total = fx + q2 * (x - other_x), fy + q2 * (y - other_y), total + q
        forces.append((fx, fy))
    return forces, total


def attraction(points, edges):
    """Forces of the edges (i, j, weight)."""
    forces = [[0, 0] for _ in points]
    for i, j, weight in edges:
        dx, dy = (a - b for a, b in zip(points[i], points[j], strict=True))
        q = int(similarity(dx, dy))
        for axis, d in enumerate((dx, dy)):
            forces[i][axis] += weight * q * d
            forces[j][axis] -= weight * q * d
    return [tuple(force) for force in forces]


async def serve(ctx, port, points, latency):
    """Plays Coordinates for a reader, for ever."""
    waiting = [0] * (latency - 1)
    async for *_, address in ctx.tick().sample(port.address):
        waiting.append(address)
        ctx.set(port.position, vector(points[min(waiting.pop(0), len(points) - 1)]))


async def forces_of(ctx, dut, count):
    """dut.force for each dut.address."""
    forces = []
    for cycle in range(count + dut.latency):
        ctx.set(dut.address, min(cycle, count - 1))
        if cycle >= dut.latency:
            forces.append(pair(ctx.get(dut.force)))
        await ctx.tick()
    return forces
