"""Instrumenting and uninstrumenting source in memory, against LibCST."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from hashlib import blake2b
from time import perf_counter

import libcst as cst
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand
from libcst.codemod.visitors import AddImportsVisitor
from prof.instrument.codemod import instrument, uninstrument
from prof.instrument.refusal import Refusal
from prof.instrument.tags import TAG

from benchmarks import corpus
from benchmarks.figures import Result
from benchmarks.rounds import Times, add, interleave


class Decorate(VisitorBasedCodemodCommand):
    """The command one would write with LibCST: a decorator on every function, and the import it needs."""

    DESCRIPTION = "Decorate every function."

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        AddImportsVisitor.add_needed_import(self.context, "prof", "profiled")
        return updated.with_changes(decorators=[*updated.decorators, cst.Decorator(cst.Name("profiled"))])


def visit(data: bytes) -> bytes:
    """A file through the command."""
    return Decorate(CodemodContext()).transform_module(cst.parse_module(data)).bytes


WAYS: dict[str, Callable[[bytes], object]] = {
    "instrument": instrument,
    "parse": cst.parse_module,
    "visitor": visit,
}


def usable(data: bytes) -> bool:
    """Whether all ways can read the file."""
    try:
        instrument(data)
        cst.parse_module(data)
    except (Refusal, cst.ParserSyntaxError, UnicodeDecodeError):
        return False
    return True


def timed(way: Callable[[bytes], object], data: bytes) -> Callable[[], float]:
    """One file, one way. Trees are garbage without cycles, so the collector is left out, for all alike."""

    def run() -> float:
        start = perf_counter()
        way(data)
        return perf_counter() - start

    return run


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    gc.disable()
    yield from instrumenting(3 if quick else 12, 1 if quick else 6)
    yield from uninstrumenting(10 if quick else 250, 3 if quick else 40)


def instrumenting(count: int, rounds: int) -> Iterator[Result]:
    """Files a second, as a ratio, for the same files one by one in turn."""
    files = [data for data in corpus.sample(count) if usable(data)]
    each = []
    for data in files:
        each.append(interleave({name: timed(way, data) for name, way in WAYS.items()}, rounds))
        gc.collect()
    times = add(each)
    rates = ", ".join(f"{name} {len(files) / times.best(name):.1f}" for name in WAYS)
    for name in ("visitor", "parse"):

        def ratio(t: Times, name: str = name) -> float:
            return t.best(name) / t.best("instrument")

        yield times.result(f"instrument-{name}", ratio, f"files/s: {rates}")


def uninstrumenting(count: int, rounds: int) -> Iterator[Result]:
    """Bytes a second, over many files one after the other."""
    edited = [instrument(data).data for data in corpus.sample(count) if usable(data)]
    size = sum(map(len, edited))
    if any(TAG in uninstrument(data).data for data in edited):
        raise RuntimeError("uninstrument left edits behind")

    def undo() -> float:
        start = perf_counter()
        for data in edited:
            uninstrument(data)
        return perf_counter() - start

    def hash_() -> float:
        start = perf_counter()
        for data in edited:
            blake2b(data, digest_size=8).hexdigest()
        return perf_counter() - start

    times = interleave({"undo": undo, "hash": hash_}, rounds)
    note = f"{len(edited)} files, {size / 1e6:.1f} MB"
    yield times.result("uninstrument", lambda t: size / t.best("undo") / 1e6, note)
    note = "one hash of the original is part of it"
    yield times.result("uninstrument-hash", lambda t: t.best("hash") / t.best("undo"), note)
