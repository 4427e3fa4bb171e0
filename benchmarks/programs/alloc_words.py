"""`str.split` and `join`: a text in lines becomes words, counts, and a text again."""

SCALE = 1200
EXPECTED = (20000, 44, 101199)

LINES = (
    "The quick brown fox, it is said, jumps over the lazy dog; then -- at once -- it sleeps.",
    "   Of all the words in all the books, which are the ones that nobody has ever read twice?  ",
    "name=value; colour=dark green; size=14; comment=none of this is meant to be read; end=yes",
)


def words(line):
    return [word.strip(".,;:?!-").lower() for word in line.split()]


def counted(counts, found):
    for word in found:
        counts[word] = counts.get(word, 0) + 1


def wrapped(found, width):
    lines, line, length = [], [], 0
    for word in found:
        if length + len(word) >= width:
            lines.append(" ".join(line))
            line, length = [], 0
        line.append(word)
        length += len(word) + 1
    return [*lines, " ".join(line)]


def run(scale):
    counts, out, total = {}, [], 0
    for i in range(scale):
        found = words(LINES[i % 3].replace("it", f"it{i % 5}"))
        counted(counts, found)
        total += len(found)
        out.extend(wrapped(found, 30))
    return total, len(counts), len("\n".join(out))
