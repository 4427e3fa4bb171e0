"""String formatting: lines of a log and of a table, by f-strings, `%` and `format`."""

SCALE = 2500
EXPECTED = (2500, 236963)

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def entry(i):
    level = LEVELS[i % 4]
    took = i * 37 % 1000 / 7
    return f"2024-03-{i % 28 + 1:02d} {level:<8} worker-{i % 8}: request {i} took {took:.3f} ms"


def row(i):
    cells = "%5d | %-12s | %8.2f" % (i, "item %x" % i, i / 3)
    text = "{0} [{1!r:>6}]".format(cells, i % 100)
    return text.replace(" | ", "\t").rstrip()


def run(scale):
    lines = []
    for i in range(scale):
        lines.append(entry(i))
        lines.append(row(i))
    text = "\n".join(lines)
    return len(lines) // 2, len(text)
