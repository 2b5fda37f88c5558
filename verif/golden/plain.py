# SPDX-License-Identifier: Apache-2.0
"""docs/numerics.md a second time, in plain Python integers: slow, and written from that page alone.

Nothing here imports `golden`. Every function works on lists and exact integers, so that neither an
overflow nor a compiler can hide; the tests compare `golden` with it by `==`.
"""

from math import floor, log2

EXP2_ROM = [round(2**16 * 2 ** (-f / 256)) for f in range(256)]
LOG2_ROM = [round(2**18 * log2(1 + j / 256)) for j in range(257)]
RECIPROCAL_ROM = {
    p: [round(2 ** (p + 2) / (1 + j / 2 ** (p // 2))) for j in range(2 ** (p // 2) + 1)]
    for p in (12, 16)
}

Rows = list[list[int]]


def round_half_up(x: int, shift: int) -> int:
    return x if shift == 0 else (x + 2 ** (shift - 1)) >> shift


def saturate(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def divide_half_up(x: int, divisor: int) -> int:
    return (2 * x + divisor) // (2 * divisor)


def power_of_half(t: int) -> int:
    return round_half_up(EXP2_ROM[t & 255], t >> 8)


def beta_mantissa(f: int) -> int:
    return EXP2_ROM[0] // 2 if f == 0 else EXP2_ROM[256 - f]


def below_leading_one(x: int, bits: int) -> tuple[int, int]:
    exponent = x.bit_length() - 1
    return exponent, (x - 2**exponent) * 2**bits // 2**exponent


def logarithm(x: int) -> int:
    exponent, m = below_leading_one(x, 20)
    i, r = m >> 12, m & 4095
    low, high = LOG2_ROM[i], LOG2_ROM[i + 1]
    return (exponent << 16) + round_half_up((low << 12) + (high - low) * r, 14)


def inverse(x: int, p: int) -> tuple[int, int]:
    exponent, m = below_leading_one(x, p + 4)
    q = p // 2 + 4
    i, r = m >> q, m & (2**q - 1)
    low, high = RECIPROCAL_ROM[p][i], RECIPROCAL_ROM[p][i + 1]
    return round_half_up((low << q) - (low - high) * r, q + 2), exponent


def random_bits(register: int, count: int) -> list[int]:
    bits = []
    for _ in range(count):
        out = register & 1
        bits.append(out)
        register >>= 1
        if out:
            register ^= 0x80200003
    return bits


# calibrate


def nearest(distances: list[int], i: int, k: int) -> list[int]:
    others = [j for j in range(len(distances)) if j != i]
    return sorted(sorted(others, key=lambda j: (distances[j], j))[:k])


def exponents(delta: list[int], code: int) -> list[int]:
    factor, shift = beta_mantissa(code & 255), 35 - (code >> 8)
    return [min((d * factor) >> shift, 4608) for d in delta]


def sums(delta: list[int], code: int) -> tuple[int, int]:
    t = exponents(delta, code)
    w = [power_of_half(x) for x in t]
    return sum(w), sum(a * b for a, b in zip(w, t, strict=True))


def reaches(delta: list[int], code: int, target: int) -> bool:
    s, t = sums(delta, code)
    return 256 * t >= s * (target - (logarithm(s) - 16 * 65536))


def calibrate_row(delta: list[int], target: int) -> tuple[list[int], int, int]:
    """Weights, status and code of one row."""
    low = not reaches(delta, 0, target)
    code = 0
    for bit in reversed(range(13)):
        if reaches(delta, code + 2**bit, target):
            code += 2**bit
    s, _ = sums(delta, code)
    v, e = inverse(s, 16)
    weights = [min(round_half_up(power_of_half(t) * v, 8 + e), 255) for t in exponents(delta, code)]
    if len(set(delta)) == 1:
        return weights, 3, code
    return weights, 1 if low else 2 if code == 8191 else 0, code


def calibrate(distances: Rows, perplexity: float, limit: int) -> tuple[Rows, Rows, list, list]:
    """Neighbours, weights, status and codes."""
    n = len(distances)
    k = min(limit, n - 1)
    target = round(2**16 * log2(perplexity))
    neighbours, weights, status, codes = [], [], [], []
    for i in range(n):
        kept = nearest(distances[i], i, k)
        smallest = min(distances[i][j] for j in range(n) if j != i)
        row = calibrate_row([distances[i][j] - smallest for j in kept], target)
        neighbours.append(kept)
        weights.append(row[0])
        status.append(row[1])
        codes.append(row[2])
    return neighbours, weights, status, codes


# embed


def start(features: Rows, register: int) -> Rows:
    n = len(features)
    bits = random_bits(register, 2 * len(features[0]))
    signs = [[-1 if bits[2 * f + axis] else 1 for f in range(len(features[0]))] for axis in (0, 1)]
    columns = []
    for axis in (0, 1):
        y = [sum(s * f for s, f in zip(signs[axis], row, strict=True)) for row in features]
        mean = divide_half_up(sum(y), n)
        columns.append([v - mean for v in y])
    magnitude = max(sum(abs(v) for column in columns for v in column), 1)
    scale = min(2 * n * 2**22 // magnitude, 2**24 - 1)
    return [
        [saturate(round_half_up(columns[a][i] * scale, 16), -(2**14), 2**14 - 1) for a in (0, 1)]
        for i in range(n)
    ]


def student(dx: int, dy: int) -> int:
    v, e = inverse(4096 + ((dx * dx + dy * dy) >> 4), 12)
    return round_half_up(v, e - 12)


def forces(y: Rows, neighbours: Rows, weights: Rows) -> tuple[Rows, Rows, int]:
    """Attraction A (28 fraction bits), repulsion R (25), and Z (12)."""
    n = len(y)
    attraction = [[0, 0] for _ in range(n)]
    repulsion = [[0, 0] for _ in range(n)]
    z = 0
    for i in range(n):
        for j in range(n):
            if i != j:
                d = [y[i][a] - y[j][a] for a in (0, 1)]
                q = student(*d)
                z += q
                squared = min((q * q + 64) >> 7, 2**17 - 1)
                for a in (0, 1):
                    repulsion[i][a] += squared * d[a]
        for j, weight in zip(neighbours[i], weights[i], strict=True):
            d = [y[i][a] - y[j][a] for a in (0, 1)]
            q = student(*d)
            for a in (0, 1):
                attraction[i][a] += weight * q * d[a]
                attraction[j][a] -= weight * q * d[a]
    return attraction, repulsion, z


def recentre(y: Rows) -> Rows:
    means = [divide_half_up(sum(p[a] for p in y), len(y)) for a in (0, 1)]
    return [[saturate(p[a] - means[a], -(2**14), 2**14 - 1) for a in (0, 1)] for p in y]


def embed(
    features: Rows, neighbours: Rows, weights: Rows, register: int, iterations: int, rate: int = 16
) -> Rows:
    y, n = start(features, register), len(features)
    velocity = [[0, 0] for _ in range(n)]
    for iteration in range(iterations):
        early = iteration < floor(iterations / 5)
        exaggeration, momentum = (8, 8) if early else (4, 13)
        attraction, repulsion, z = forces(y, neighbours, weights)
        ratio = min(n * 2**32 // max(z, 1), 2**24 - 1)
        for i in range(n):
            for a in (0, 1):
                towards = round_half_up(exaggeration * attraction[i][a], 17)
                away = round_half_up(ratio * repulsion[i][a], 31)
                moved = 16 * momentum * velocity[i][a] - rate * (towards - away)
                velocity[i][a] = saturate(round_half_up(moved, 8), -2048, 2047)
                y[i][a] += velocity[i][a]
        y = recentre(y)
    return y
