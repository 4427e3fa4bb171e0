"""One capture with a bit of everything: what gold files and pictures are made from."""

from __future__ import annotations

import random

from capture_files import (
    BRANCH_FLOW,
    CALLS,
    CATEGORIES,
    FALL,
    FOR_FLOW,
    GC,
    IMPORT,
    LINE,
    MANUAL,
    MEMORY_MODE,
    NATIVE,
    OPS_MODE,
    PROFILER,
    READ,
    RECORDING,
    SECTION,
    TAKEN,
    THREAD,
    TIME_MODE,
    WRITE,
    Code,
    Counted,
    Edge,
    File,
    Instruction,
    Label,
    Memory,
    Node,
    Thread,
    function,
    line,
)

PARSE = "/src/app/parse.py"
BEGIN = 1_795_170_000_000_000_000  # 2026-11-20 10:20:00 UTC


def ms(number: float) -> int:
    return int(number * 1e6)


def example() -> File:
    """Two threads, recursion, a coroutine, sections, imports, collections, odd names, drops; killed while recording."""
    labels = [
        Label(THREAD, "thread"),
        function("app.main", 10),
        function("app.load", 20),
        function("app.parse.Parser.feed", 33),
        function("app.parse.Parser.token", 50),
        function("db.query", 7),
        Label(SECTION, "profile!db_query", "app", "/src/app.py", 61),
        Label(IMPORT, "import json", "json", "/usr/lib/python3.13/json/__init__.py", 1),
        Label(IMPORT, "import json.decoder", "json.decoder", "/usr/lib/python3.13/json/decoder.py", 1),
        Label(GC, "gc generation 0"),
        Label(GC, "gc generation 2"),
        Label(PROFILER, "profiler"),
        function("app.serve.handle", 70, flags=1),
        Label(NATIVE, "ext.crunch"),
        function('app.évil<name>&"]]>\x1b[31m;\n', 3),
    ]
    chance = random.Random(3)
    for label in labels[1:]:
        label.latencies = [int(chance.lognormvariate(9, 2)) for _ in range(1000)]
    main = [
        Node(-1, 0, self=ms(30)),
        Node(0, 1, 1, ms(12)),
        Node(1, 2, 3, ms(55)),
        Node(2, 3, 300, ms(240)),
        Node(3, 4, 120_000, ms(410)),
        Node(4, 9, 12, ms(8), items=44_120),
        Node(1, 6, 50, ms(20)),
        Node(6, 5, 50, ms(180)),
        Node(1, 12, 10, ms(35), resumes=190, suspended=ms(900)),
        Node(8, 13, 10, ms(60)),
        Node(0, 7, 1, ms(9)),
        Node(10, 8, 1, ms(5)),
        Node(8, 10, 1, ms(22), items=901_233),
        Node(1, 11, 3, ms(40)),
        Node(3, 14, 4, ms(14)),
        Node(4, 4, 9, ms(3)),
        Node(1, 3, 2, ms(0.02)),
    ]
    worker = [Node(-1, 0, self=ms(300)), Node(0, 12, 4, ms(70), resumes=20, suspended=ms(50)), Node(1, 5, 8, ms(44))]
    meta = {
        "name": "app",
        "python": "3.13.0",
        "implementation": "CPython",
        "platform": "Linux-6.1-x86_64",
        "host": "build7",
        "argv": ["app.py", "--fast"],
        "modes": ["time"],
        "engine": "bytecode probes",
        "clock": "manual",
        "interval_ns": 1_000_000,
    }
    return File(
        labels,
        [Thread("MainThread", main, 4711, end=ms(1400)), Thread("worker-1", worker, 4712, start=ms(100))],
        meta,
        clock=MANUAL,
        state=RECORDING,
        start=(0, 0, BEGIN),
        last=(ms(1400), ms(1400), BEGIN + ms(1400)),
        drops={5: 1234, 2: 3},
    )


MIB = 1 << 20


def memory_example(detail: bool = True, timed: bool = True) -> File:
    """The same program with what it allocated: a cache that grows, parsing that comes and goes, a large copy."""
    file = example()
    first = len(file.labels)
    file.labels += [
        line("/src/app/parse.py", 41, "Parser.feed"),
        line("/src/app/parse.py", 52, "Parser.token"),
        line("/usr/lib/python3.13/json/__init__.py", 346, "loads"),
        line("/src/db.py", 12, "query"),
        line("/src/app/serve.py", 77, "handle"),
        Label(LINE, "<threads without the GIL>"),
    ]
    feed, token, loads, query, handle, no_gil = range(first, first + 6)
    epoch = 31

    def site(parent: int, label: int, count: int, size: int, held: int, at_peak: int) -> Node:
        free = (count * (size - held) // size, size - held)
        return Node(parent, label, alloc=(count, size), free=free if detail else (0, 0), peak=(at_peak, epoch))

    main, worker = (thread.nodes for thread in file.threads)
    main += [
        site(0, no_gil, 12, 4096, 4096, 4096),
        site(0, loads, 40, 3 * MIB, 0, MIB),
        site(3, feed, 90_000, 42 * MIB, 0, 11 * MIB),
        site(4, token, 240_018, 17 * MIB, 2 * MIB, 3 * MIB),
        site(15, token, 18, 2_000, 0, 0),
        site(7, query, 50, 900_000, 400_000, 500_000),
        site(8, handle, 10, 10 * MIB, 0, 10 * MIB),
        site(10, loads, 900, 700_000, 650_000, 650_000),
    ]
    worker += [site(1, handle, 4, 4 * MIB, MIB, 0), site(2, query, 8, 160_000, 0, 20_000)]
    sites = [n for n in main + worker if n.alloc[0]]
    live = sum(n.alloc[1] - n.free[1] for n in sites)
    file.memory = Memory(False, 1, arena=6 * MIB)
    if detail:
        peak = sum(n.peak[0] for n in sites)
        classes = {0: 12, 4: 90_000, 5: 190_000, 6: 40_000, 7: 9_000, 9: 900, 12: 60, 20: 74}
        file.memory = Memory(True, epoch, live, peak, ms(730), 512, 6 * MIB, classes, 5 * MIB)
        file.types = [("app.Row", 9_000, 1_300_000), ("bytes", 4, MIB), ("(no Python object)", 3_100, 800_000)]
        file.series = [(ms(100 * i), (30 + i) * MIB, (1 + i // 3) * MIB, live * i // 13) for i in range(1, 14)]
    file.modes = (TIME_MODE if timed else 0) | MEMORY_MODE
    assert file.meta is not None
    file.meta["modes"] = ["time", "memory"] if timed else ["memory"]
    return file


def token_code(label: int | None = 4, name: str = "app.parse.Parser.token", line: int = 50, file: str = PARSE) -> Code:
    """`if len(text): x = text + text; return x` and `return None`: counter 0 is how often the test held."""
    i = Instruction
    instructions = [
        i(line + 1, (7, 10), "global", "len", READ),
        i(line + 1, (11, 15), "local", "text", READ),
        i(line + 1, (7, 16), "call"),
        i(line + 1, (7, 16), "branch", flow=BRANCH_FLOW),
        i(line + 2, (12, 16), "local", "text", READ, block=2),
        i(line + 2, (19, 23), "local", "text", READ, block=2),
        i(line + 2, (12, 23), "arithmetic", "+", block=2),
        i(line + 2, (8, 9), "local", "x", WRITE, block=2),
        i(line + 3, (15, 16), "local", "x", READ, block=2),
        i(line + 3, (8, 16), "return", block=2),
        i(line + 4, (4, 15), "const", block=3),
        i(line + 4, (4, 15), "return", block=3),
    ]
    edges = [Edge(0, 1, 0, CALLS), Edge(1, 2, 3, 0, FALL), Edge(1, 3, 3, kind=TAKEN), Edge(2, 0, 9), Edge(3, 0, 11)]
    return Code(label, name, file, line, instructions, edges)


def feed_code() -> Code:
    """`for item in self.items: self.token(item)`: counter 0 is how often its body ran."""
    i = Instruction
    instructions = [
        i(40, (20, 24), "local", "self", READ),
        i(40, (20, 30), "attribute", "items", READ),
        i(40, (20, 30), "iteration"),
        i(40, (8, 35), "iteration", flow=FOR_FLOW, block=2, end_line=41),
        i(40, (12, 16), "local", "item", WRITE, block=3),
        i(41, (12, 16), "local", "self", READ, block=3),
        i(41, (12, 22), "attribute", "token", READ, block=3),
        i(41, (23, 27), "local", "item", READ, block=3),
        i(41, (12, 28), "call", block=3),
        i(40, (8, 35), "const", block=4),
        i(40, (8, 35), "return", block=4),
    ]
    edges = [
        Edge(0, 1, 0, CALLS), Edge(1, 2, 2), Edge(2, 3, 3, 0, FALL), Edge(2, 4, 3, kind=TAKEN), Edge(3, 2, 8),
        Edge(4, 0, 10),
    ]  # fmt: skip
    return Code(3, "app.parse.Parser.feed", PARSE, 33, instructions, edges)


def ops_example(file: File, exact: bool = True) -> File:
    """What the program executed, added to an example; of `db.query` it is more than can be, unless `exact`."""
    file.codes = [
        feed_code(),
        token_code(),
        token_code(2, "app.load", 20, "/src/app.py"),
        token_code(None, "app.load.<genexpr>", 22, "/src/app.py"),
        token_code(5, "db.query", 7, "/src/db.py"),
    ]
    for label in file.labels[3:5]:
        label.module, label.file = "app.parse", PARSE
    main, worker = (thread.nodes for thread in file.threads)
    counters = {2: (2, 2), 3: (0, 120_000), 4: (1, 90_000), 7: (4, 20 if exact else 60), 15: (1, 9), 16: (2, 0)}
    for node, (code, counter) in counters.items():
        main[node].code = code
        main[node].counts = [Counted(code, [counter])]
    main[2].counts.append(Counted(3, [30], entries=40))
    main[2].calls += 40
    worker[2].code = 4
    worker[2].counts = [Counted(4, [8])]
    file.modes |= OPS_MODE
    assert file.meta is not None
    file.meta["modes"] = [*file.meta["modes"], "ops"]
    file.meta["categories"] = list(CATEGORIES)
    return file


def ops_alone(exact: bool = True) -> File:
    """Operations, and no other mode."""
    file = ops_example(example(), exact)
    file.modes = OPS_MODE
    assert file.meta is not None
    file.meta["modes"] = ["ops"]
    return file
