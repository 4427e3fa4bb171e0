"""Faults that make code do more, each in a function of its own, and the line that is at fault.

A fault is a module before and after; the lines with `# fault` are those that a gate should name. `{n}` is how much the
function has to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

MARK = "# fault"
SIZES = (5, 12, 30, 75, 200, 500)


@frozen
class Fault:
    """One module: what it holds without the fault, and with it."""

    name: str
    before: str
    after: str

    @property
    def lines(self) -> list[int]:
        """The lines at fault."""
        return [number for number, line in enumerate(self.after.splitlines(), 1) if MARK in line]


_STEP = "def step(number):\n    return number * 2 + 1\n\n\n"
# By name: what both begin with, then the function before, and after.
_KINDS = {
    "one_more_call": (
        _STEP,
        "def work(n):\n    found = 0\n    for each in range(n):\n        found += step(each)\n    return found\n",
        "def work(n):\n    found = 0\n    for each in range(n):\n        found += step(each)\n"
        "        step(found)  # fault\n    return found\n",
    ),
    "quadratic": (
        "",
        "def work(n):\n    seen = {}\n    for each in range(n):\n        if each not in seen:\n"
        "            seen[each] = True\n    return len(seen)\n",
        "def work(n):\n    seen = {}\n    for each in range(n):\n"
        "        if not any(each == other for other in seen):  # fault\n"
        "            seen[each] = True\n    return len(seen)\n",
    ),
    "lost_cache": (
        "import functools\n\n\n",
        "@functools.cache\ndef slow(kind):\n    found = 0\n    for each in range(10 + kind):\n        found += each\n"
        "    return found\n\n\ndef work(n):\n    return sum(slow(each % 3) for each in range(n))\n",
        "def slow(kind):\n    found = 0\n    for each in range(10 + kind):  # fault\n        found += each  # fault\n"
        "    return found\n\n\ndef work(n):\n    return sum(slow(each % 3) for each in range(n))\n",
    ),
    "list_copy": (
        "",
        "def work(n):\n    items = list(range(n))\n    found = 0\n    for each in items:\n        found += each % 7\n"
        "    return found\n",
        "def work(n):\n    items = list(range(n))\n    found = 0\n    for each in list(items):  # fault\n"
        "        found += each % 7\n    return found\n",
    ),
    "deepcopy": (
        "import copy\n\n\n",
        "def work(n):\n    rows = [[each, each + 1] for each in range(n)]\n    rows = rows[:]\n"
        "    return sum(row[0] for row in rows)\n",
        "def work(n):\n    rows = [[each, each + 1] for each in range(n)]\n    rows = copy.deepcopy(rows)  # fault\n"
        "    return sum(row[0] for row in rows)\n",
    ),
    "extra_query": (
        "def query(table, key):\n    return table.get(key, 0)\n\n\n",
        "def work(n):\n    table = {{each: each for each in range(n)}}\n    first = query(table, 0)\n    found = 0\n"
        "    for each in range(n):\n        found += query(table, each) + first\n    return found\n",
        "def work(n):\n    table = {{each: each for each in range(n)}}\n    found = 0\n    for each in range(n):\n"
        "        found += query(table, each) + query(table, 0)  # fault\n    return found\n",
    ),
    "text_by_pieces": (
        "",
        "def work(n):\n    parts = []\n    for each in range(n):\n        parts.append(str(each))\n"
        '    return "".join(parts)\n',
        "def work(n):\n    parts = []\n    for each in range(n):\n        parts.append(str(each))\n"
        '        "".join(parts)  # fault\n    return "".join(parts)\n',
    ),
    "sorted_each_time": (
        "",
        "def work(n):\n    items = list(range(n))\n    items.sort(key=abs)\n    found = 0\n    for each in range(n):\n"
        "        found += items[each]\n    return found\n",
        "def work(n):\n    items = list(range(n))\n    items.sort(key=abs)\n    found = 0\n    for each in range(n):\n"
        "        items.sort(key=abs)  # fault\n        found += items[each]\n    return found\n",
    ),
    "built_anew": (
        "NAMES = tuple(range(20))\n\n\n",
        "def work(n):\n    known = frozenset(NAMES)\n    return sum(1 for each in range(n) if each in known)\n",
        "def work(n):\n    return sum(1 for each in range(n) if each in frozenset(NAMES))  # fault\n",
    ),
    "leaked_format": (
        "",
        "def log(text, *values):\n    return None\n\n\ndef work(n):\n    for each in range(n):\n"
        '        log("at %s", each)\n    return n\n',
        "def log(text, *values):\n    return None\n\n\ndef work(n):\n    for each in range(n):\n"
        '        log("at {{}} of {{}}".format(each, n))  # fault\n    return n\n',
    ),
}


def faults(per_kind: int = len(SIZES)) -> Iterator[tuple[Fault, int]]:
    """The faults, of each kind as many, and how much each function has to do."""
    for kind, (head, before, after) in _KINDS.items():
        for size in SIZES[:per_kind]:
            texts = ((head + body).replace("{{", "{").replace("}}", "}") for body in (before, after))
            yield Fault(f"{kind}_{size}", *texts), size
