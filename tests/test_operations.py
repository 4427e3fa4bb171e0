"""Operations equal what the interpreter executes, instruction by instruction."""

from __future__ import annotations

import dis
from pathlib import Path
from typing import Any

import pytest
from contexts import Contexts
from executing import Executed, compiler
from operating import EXACT, NASTY, Operated, operate, text

PROGRAMS = Path(__file__).parent / "programs"
pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler for the oracle")


def same(operated: Operated) -> Operated:
    comparison = operated.comparison
    assert comparison.differences == []
    assert operated.inexact == []
    assert comparison.dynamic > 0
    return operated


@pytest.mark.parametrize("everything", [False, True], ids=["defs", "everything"])
@pytest.mark.parametrize("program", NASTY, ids=lambda path: path.stem)
def test_instructions_equal_the_interpreters(program: Path, everything: bool, tmp_path: Path) -> None:
    operated = operate(text(program), tmp_path, everything=everything, oracle=Executed())
    same(operated)
    assert operated.drops == {}
    assert len(operated.codes) > 4


@pytest.mark.parametrize("program", EXACT, ids=lambda path: path.stem)
def test_marked_programs(program: Path, tmp_path: Path) -> None:
    same(operate(program.read_text(), tmp_path, mode="all", oracle=Executed()))


@pytest.mark.parametrize("program", [p for p in NASTY if p.stem != "interrupts"], ids=lambda path: path.stem)
def test_specialised_instructions_count_the_same(program: Path, tmp_path: Path) -> None:
    """Where the oracle counts, nothing is specialised; without it, after some rounds, everything is."""
    one = operate(text(program), tmp_path, everything=False, oracle=Executed()).by_line()
    many = operate(text(program), tmp_path, everything=False, times=30)
    module = [place for place in one if place[0] == "program.<module>"]
    assert many.inexact == []
    assert many.by_line() == {place: (1 if place in module else 30) * count for place, count in one.items()}


UNBOUND = """
def f(n):
    try:
        try:
            1 // n
        except ZeroDivisionError as error:
            n = late
            late = 1
    except UnboundLocalError:
        return 7
def main():
    f(0)
"""


def test_unbound_behind_the_end_of_a_try(tmp_path: Path) -> None:
    """3.11 runs a store and the read behind it as one: what the read raises goes to the store's handler."""
    operated = operate(UNBOUND, tmp_path, everything=False, times=50)
    assert operated.inexact == []
    lines = operated.by_line()
    assert [lines["program.f", line] for line in (5, 7, 10)] == [3 * 50, 50, 3 * 50]
    assert ("program.f", 8) not in lines


# ---- by calling context ----------------------------------------------------------------------------------------------


def by_context(source: str, folder: Path, engine: str, **names: Any) -> Operated:
    """Records `main()`, whose operations must be where a shadow of the stack says they are."""
    from prof import engine as engines

    probes = engines.load("program")
    sections = {"profile": probes.profile, "end": probes.end}  # the C functions: no frames between
    contexts = Contexts(str(folder / "program.py"), source)
    operated = operate(source, folder, engine=engine, everything=False, oracle=contexts, **sections, **names)
    categories: dict[tuple[str, int, int], int] = {}
    for code in operated.codes:
        for row in operated.rows[code.index]:
            categories[code.name.partition(".")[2], code.line, row.unit] = len(row.categories)
    wanted = contexts.operations(categories)
    wanted.pop("", None)  # of the module, which has no counters
    assert {path: count for path, count in operated.stacks.items() if path in wanted or path} == wanted
    assert operated.inexact == []
    return operated


CALLERS = """
def leaf(n):
    return len([k for k in range(n) if k % 2]) and sum(map(lambda k: k + 1, range(n)))
def one(n):
    return leaf(n) + leaf(2)
def two(n):
    try:
        return leaf(n) / (n - n) if n else one(3)
    except ZeroDivisionError:
        return one(n)
def again(n):
    return leaf(n) + (again(n - 1) if n else two(n))
def steps(n):
    for k in range(n):
        yield leaf(k)
def take(g):
    return next(g)
def drain(g):
    return [x for x in g]
def delegates(n):
    yield from steps(n)
    yield from (k for k in range(n))
def main():
    one(5), two(4), again(3)
    g = steps(5)
    take(g), take(g), next(g), drain(g)
    g = delegates(3)
    take(g), drain(g)
"""

SECTIONS = {
    "plain": """
def f(n):
    profile("a")
    n += 1
    end("a")
    return n
def main():
    f(1), f(2)
""",
    "in a loop, across blocks": """
def f(n):
    for k in range(n):
        profile("a")
        if k % 2:
            end("a")
            continue
        else:
            n -= 1
        if k % 3:
            end("a")
            n += 1
        else:
            n += 2
            end("a")
    return n
def main():
    f(9)
""",
    "over the back edge": """
def f(n):
    while n:
        n -= 1
        if n % 3 == 2:
            profile("a")
        n += 0
        if n % 3 == 0:
            end("a")
    return n
def main():
    f(9)
""",
    "left open": """
def f(n):
    profile("a")
    if n:
        profile("b")
        return n + 1
    raise ValueError
def main():
    f(1)
    try:
        f(0)
    except ValueError:
        f(2)
""",
    "blocks, and what raises in them": """
def f(n):
    with profile("a"):
        n += 1
        try:
            with profile("b"):
                n / (n - 2)
                n += 1
        except ZeroDivisionError:
            n -= 1
    return [k for k in range(n) if k]
def main():
    f(1), f(2)
""",
    "out of order": """
def f(n):
    profile("a")
    n += 1
    profile("b")
    n += 2
    end("a")
    n += 3
    end("b")
    return n
def main():
    f(1)
""",
    "with callees and recursion": """
def g(n):
    return n and n + g(n - 1)
def f(n):
    profile("a")
    g(n)
    if n:
        f(n - 1)
    end("a")
    g(1)
def main():
    f(3)
""",
    "across yield": """
def f(n):
    profile("a")
    for k in range(n):
        yield k
        if k == 2:
            end("a")
            profile("b")
    end("b")
def main():
    for k in f(5):
        pass
    g = f(5)
    next(g), g.close()
    g = f(5)
    next(g), next(g)
    try:
        g.throw(ValueError)
    except ValueError:
        pass
""",
    "across await": """
import asyncio
async def g(n):
    await asyncio.sleep(0)
    return n
async def f(n):
    with profile("a"):
        n += await g(n)
    profile("b")
    n += await g(n)
    end("b")
    return n
async def both():
    return await asyncio.gather(f(1), f(2))
def main():
    asyncio.run(both())
""",
    "in handlers": """
def f(n):
    for k in range(n):
        try:
            profile("a")
            if k % 2:
                raise ValueError
            n += 1
        except ValueError:
            n -= 1
        finally:
            end("a")
            n += 0
def main():
    f(4)
""",
}


def test_each_caller_has_its_own(tmp_path: Path, engine: str) -> None:
    operated = by_context(CALLERS, tmp_path, engine)
    assert {"one;leaf", "two;leaf", "again;again;again;leaf", "main;take;steps;leaf"} & set(operated.stacks)


@pytest.mark.filterwarnings("ignore:prof. end:RuntimeWarning")  # of those that end out of order
@pytest.mark.parametrize("name", SECTIONS)
def test_sections(name: str, tmp_path: Path, engine: str) -> None:
    by_context(SECTIONS[name], tmp_path, engine)


LOOSE = """
def helper_begins():
    profile("h")
def helper_ends():
    end("a")
class Holds:
    def __enter__(self): profile("w")
    def __exit__(self, *error): end("w")
@profiled
def ended_by_a_helper(n):
    for k in range(n):
        profile("a")
        n += k
        helper_ends()
        n -= k
    return n
@profiled
def begun_by_a_helper(n):
    for k in range(n):
        helper_begins()
        n += k and 1
        [x for x in range(k) if x]
    end("h")
    return n
@profiled
def in_lambdas(n):
    begin = lambda: [profile("l"), n, profile("m") if n else None, n]
    for k in range(n):
        begin()
        (lambda: [end("m") if k else n, helper_begins(), n and k])()
        [helper_begins() for x in range(k) if x]
    (lambda: [helper_ends(), n])()
    return (lambda: [profile("a"), [helper_ends() for _ in range(2)], n and n])()
@profiled
def in_classes(n):
    class A:
        profile("c")
        x = n
        class B:
            profile("d")
            y = n and n + 1
        z = [k for k in range(n)]
        with Holds():
            w = n and 2
    end("c")
    return A.w
@profiled
def in_generators(n):
    def inner():
        helper_begins()
        yield n
        end("h")
        yield n
    total = sum((profile("g"), x, end("g"))[1] for x in inner())
    g = (profile("o") for _ in range(3))
    next(g)
    n += 1
    next(g)
    return total + n
@profiled
def handled(n):
    try:
        with Holds():
            profile("e")
            (lambda: [profile("f"), n / 0])()
    except ZeroDivisionError:
        n += 1
        end("e")
    return n
def main():
    for f in (ended_by_a_helper, begun_by_a_helper, in_lambdas, in_classes, in_generators, handled):
        f(4)
        (lambda: f(3))()
"""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_sections_of_code_without_a_span(tmp_path: Path, engine: str) -> None:
    """They begin and end in helpers that are not marked, in lambdas and class bodies, and in generators of those."""
    same(operate(LOOSE, tmp_path, engine=engine, oracle=Executed()))
    same(operate(LOOSE, tmp_path, engine=engine, everything=True, oracle=Executed()))


# ---- what operations are ---------------------------------------------------------------------------------------------

# What only moves the stack, sets up a frame, or always jumps.
INTERNAL = frozenset(
    [
        "CACHE",
        "EXTENDED_ARG",
        "NOP",
        "RESUME",
        "RESUME_CHECK",
        "COPY",
        "SWAP",
        "POP_TOP",
        "PUSH_NULL",
        "END_FOR",
        "END_SEND",
        "NOT_TAKEN",
        "POP_ITER",
        "TRACE_RECORD",
        "INTERPRETER_EXIT",
        "RESERVED",
        "JUMP_FORWARD",
        "JUMP_BACKWARD",
        "JUMP_BACKWARD_NO_INTERRUPT",
        "RETURN_GENERATOR",
        "ASYNC_GEN_WRAP",
        "COPY_FREE_VARS",
        "MAKE_CELL",
        "LOAD_CLOSURE",
        "LOAD_FAST_AND_CLEAR",
        "LOAD_LOCALS",
        "KW_NAMES",
        "TO_BOOL",
        "SET_FUNCTION_ATTRIBUTE",
        "EXIT_INIT_CHECK",
        "PREP_RERAISE_STAR",
        "LOAD_ASSERTION_ERROR",
        "PRINT_EXPR",
        "ENTER_EXECUTOR",
        "DO_TRACING",
        "JUMP",
        "LOAD_METHOD",
        "STORE_FAST_MAYBE_NULL",
    ]
)


def test_every_instruction_is_an_operation_or_internal() -> None:
    from prof import engine, operations

    table = engine.load("tests").opcode_traits()
    width = len(table) // 256
    by_argument = {name for name, op in dis.opmap.items() if op < 256 and table[width * op + width - 1]}
    counted = {name for name, op in dis.opmap.items() if op < 256 and table[width * op]} | by_argument
    others = {name for name, op in dis.opmap.items() if op < 256} - counted - INTERNAL
    others = {name for name in others if not name.startswith("INSTRUMENTED_")}
    # On 3.11 a call is PRECALL and CALL.
    assert others == ({"CALL"} if "PRECALL" in dis.opmap else set())
    assert all(
        0 < table[width * dis.opmap[name]] <= len(operations.CATEGORIES) or name in by_argument for name in counted
    )


KINDS = """
@profiled
def f(n):
    total = 0
    for k in range(n):
        if k % 2:
            total += k
    data = {"a": total, "b": [n]}
    data["b"].append(data["a"] < 3)
    return (lambda: total)() if n is not None and n in (1, 5) else f"{n}"
def main():
    f(5)
"""


def test_operations_by_category_name_and_branch(tmp_path: Path) -> None:
    rows = operate(KINDS, tmp_path).of("f")

    def count(category: str) -> int:
        return sum(row.count * row.categories.count(category) for row in rows)

    wanted = {"arithmetic": 7, "comparison": 1, "identity": 1, "subscript": 2, "call": 3, "iteration": 7, "return": 1}
    assert {category: count(category) for category in wanted} == wanted
    (loop,) = (row for row in rows if dis.opname[row.opcode] == "FOR_ITER")
    assert (loop.count, loop.taken) == (6, 1)
    (branch,) = (row for row in rows if row.line == 6 and "branch" in row.categories)
    # Compilers turn such a jump around: over the body, or over what follows.
    assert branch.count == 5 and branch.taken in (2, 3)
    names = {(row.name, row.access) for row in rows} | {(row.second, row.second_access) for row in rows}
    assert names >= {
        ("total", "write"),
        ("total", "read"),
        ("k", "write"),
        ("k", "read"),
        ("range", "read"),
        ("append", "read"),
    }
    assert names >= {("%", ""), ("+=", ""), ("<", ""), ("in", "")}


def test_operations_that_an_argument_tells_have_a_category(tmp_path: Path) -> None:
    """From 3.12 on some, as a sign, are arguments of one instruction."""
    rows = operate("@profiled\ndef f(n):\n    return [+n, *range(n)], (*range(n), n)\ndef main(): f(3)\n", tmp_path).of(
        "f"
    )
    assert sum(row.count * row.categories.count("arithmetic") for row in rows) == 1
    assert all(row.categories for row in rows if "INTRINSIC" in dis.opname[row.opcode])


def test_columns_are_those_of_the_code(tmp_path: Path) -> None:
    """Of each instruction, in its order; the probes are not there."""
    operated = operate(KINDS, tmp_path)
    space: dict[str, object] = {"profiled": lambda f: f}
    exec(compile(KINDS, "plain.py", "exec"), space)
    code = space["f"].__code__  # type: ignore[attr-defined]
    plain = [i for i in dis.get_instructions(code) if i.opname not in ("EXTENDED_ARG", "COPY_FREE_VARS", "MAKE_CELL")]
    rows = operated.of("f")
    assert [dis.opname[r.opcode] for r in rows] == [i.opname for i in plain]
    for row, i in zip(rows, plain, strict=True):
        p = i.positions
        assert p is not None
        assert (row.line, row.end_line) == (p.lineno or 0, p.end_lineno or 0)
        assert row.columns == (None if p.col_offset is None else (p.col_offset, p.end_col_offset))


def test_reproducible(run_program: object, tmp_path: Path) -> None:
    """The same numbers by function and line, whatever the hash seed."""
    program = tmp_path / "app.py"
    program.write_text(
        text(PROGRAMS / "operations" / "handlers.py").replace("\ndef ", "\n@profiled\ndef ") + "\nmain()\n"
    )
    program.write_text("from prof import profiled\n" + program.read_text())
    found = []
    for seed in ("0", "1", "77"):
        run_program(program, PROF=f"ops,{tmp_path / seed},none", PYTHONHASHSEED=seed)  # type: ignore[operator]
        (path,) = (tmp_path / seed).glob("*.capture")
        found.append(Operated(path).by_line())
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 100
