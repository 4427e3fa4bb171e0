"""The largest singular value of an infinite matrix, by power iteration: a tiny function called for each element."""

WARM, SCALE = 8, 28
EXPECTED = 1.2741


def element(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def row_times(i, vector):
    total = 0.0
    for j, value in enumerate(vector):
        total += element(i, j) * value
    return total


def column_times(i, vector):
    total = 0.0
    for j, value in enumerate(vector):
        total += element(j, i) * value
    return total


def times(vector):
    return [row_times(i, vector) for i in range(len(vector))]


def transposed_times(vector):
    return [column_times(i, vector) for i in range(len(vector))]


def dot(a, b):
    return sum([x * y for x, y in zip(a, b, strict=True)])


def run(scale):
    v = [1.0] * scale
    for _ in range(10):
        u = v
        v = transposed_times(times(u))
    return round((dot(u, v) / dot(u, u)) ** 0.5, 4)
