"""The Sun and four planets under gravity: floating point in one long function, next to no calls."""

from itertools import combinations
from math import pi

WARM, SCALE = 20, 400
EXPECTED = True

DAYS = 365.24
SUN = 4 * pi * pi
STEP = 0.01

# Mass in suns, position in astronomical units, velocity in units a day (JPL, as in the Benchmarks Game).
BODIES = {
    "sun": (1.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    "jupiter": (
        9.54791938424326609e-04,
        (4.84143144246472090, -1.16032004402742839, -1.03622044471123109e-01),
        (1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05),
    ),
    "saturn": (
        2.85885980666130812e-04,
        (8.34336671824457987, 4.12479856412430479, -4.03523417114321381e-01),
        (-2.76742510726411904e-03, 4.99852801234917238e-03, 2.30417297573763929e-05),
    ),
    "uranus": (
        4.36624404335156298e-05,
        (1.28943695621391310e01, -1.51111514016986312e01, -2.23307578892655734e-01),
        (2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05),
    ),
    "neptune": (
        5.15138902046611451e-05,
        (1.53796971148509165e01, -2.59193146099879641e01, 1.79258772950371181e-01),
        (2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05),
    ),
}


def system():
    """The bodies as [position, velocity, mass], with no momentum in total."""
    bodies = []
    for mass, position, velocity in BODIES.values():
        bodies.append((list(position), [v * DAYS for v in velocity], mass * SUN))
    for axis in range(3):
        bodies[0][1][axis] = -sum(v[axis] * mass for _, v, mass in bodies) / SUN
    return bodies


def advance(bodies, steps):
    pairs = list(combinations(bodies, 2))
    for _ in range(steps):
        for (here, v, mass), (there, w, other) in pairs:
            x = here[0] - there[0]
            y = here[1] - there[1]
            z = here[2] - there[2]
            pull = STEP * (x * x + y * y + z * z) ** -1.5
            mine = other * pull
            v[0] -= x * mine
            v[1] -= y * mine
            v[2] -= z * mine
            theirs = mass * pull
            w[0] += x * theirs
            w[1] += y * theirs
            w[2] += z * theirs
        for place, velocity, _ in bodies:
            place[0] += STEP * velocity[0]
            place[1] += STEP * velocity[1]
            place[2] += STEP * velocity[2]


def energy(bodies):
    total = sum(mass * sum(v * v for v in velocity) / 2 for _, velocity, mass in bodies)
    for (here, _, mass), (there, _, other) in combinations(bodies, 2):
        total -= mass * other / sum((a - b) ** 2 for a, b in zip(here, there, strict=True)) ** 0.5
    return total


def run(scale):
    bodies = system()
    before = energy(bodies)
    advance(bodies, scale)
    return abs(energy(bodies) - before) < 1e-4
