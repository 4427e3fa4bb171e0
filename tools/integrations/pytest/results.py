"""What is made of a run's captures: the heaviest tests, the page, the baseline, and tests that fail for what they do
more."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from prof.capture import Capture, open_capture
from prof.errors import ProfError
from prof.host import jit
from prof.tools.integrations.pytest import again
from prof.tools.integrations.pytest.baseline import Baseline, Known, read
from prof.tools.integrations.pytest.counts import AGAIN, CALL, Counts, add_lines, measures, name_of, tests
from prof.tools.integrations.pytest.options import Asked, measured
from prof.tools.integrations.pytest.recording import refused
from prof.tools.integrations.pytest.rises import Rise, falls, least, rises, varying, where
from prof.tools.screen.units import count, many, size

_HEAVIEST = 10
_NAMES = 5
_SEEDS = (1, 2)
_TIMES = 8
"""Runs after which the interpreter has specialised what a test alone runs as it has in the middle of a suite."""
_LOST = ("folded_depth", "folded_size")


def interpreter() -> str:
    """What baselines call this one: as captures do."""
    name = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
    return f"{name} with its JIT" if jit() else name


def opened(paths: Iterable[Path]) -> Iterator[Capture]:
    """The captures, one after the other."""
    for path in paths:
        with open_capture(path) as capture:
            yield capture


def second_runs(paths: Sequence[Path], names: Iterable[str]) -> dict[str, Known]:
    """What tests did when they were run again, line by line."""
    nodeids = {name_of(each): each for each in names}
    found: dict[str, Known] = {}
    for capture in opened(paths):
        for (phase, name), counts in tests(capture).items():
            if phase == AGAIN and name in nodeids and counts.runs == 1:
                add_lines(capture, phase, name, counts)
                found[nodeids[name]] = Known.of(counts, measures(capture))
    return found


class Results:
    """Of the process that users see. Raises pytest.UsageError, before a test runs, where a baseline is of no use."""

    def __init__(self, asked: Asked, config: pytest.Config) -> None:
        self.asked = asked
        self.config = config
        self.interpreter = interpreter()
        self.baseline: Baseline | None = None
        self._lines: list[str] = []
        self._heaviest: list[tuple[str, Counts, Counts | None]] = []
        self._keys: list[str] = []
        self._captures: list[Path] = []
        if asked.check or asked.update or asked.save:
            self.baseline = self._read()

    # ---- before the tests ----

    def _read(self) -> Baseline:
        asked = self.asked
        try:
            if not asked.check and not asked.baseline.exists():
                return Baseline(asked.baseline)
            found = read(asked.baseline)
        except ProfError as error:
            raise refused(error) from None
        if asked.check:
            self._fit(found)
        return found

    def _fit(self, found: Baseline) -> None:
        """Whether there is something to compare with."""
        if not found.has(self.interpreter):
            raise pytest.UsageError(
                f"prof: {found.path} has no counts of {self.interpreter}, only of"
                f" {', '.join(sorted(found.interpreters)) or 'none'}: pytest --prof-save adds them"
            )
        for rule in self.asked.rules:
            rows = found.interpreters[self.interpreter].values()
            if not any(isinstance(row, dict) and rule.measure in row for row in rows):
                raise pytest.UsageError(
                    f"prof: {found.path} has no {rule.measure}, which --prof-check {rule.text!r} needs:"
                    " pytest --prof-save with the mode that counts it"
                )

    # ---- after them ----

    def settle(
        self,
        session: pytest.Session,
        captures: list[Path],
        passed: set[str],
        left_out: Mapping[str, str],
        functions: int | None,
    ) -> None:
        """Makes all of it. Never raises: the tests' own outcome is what counts."""
        self._captures = captures
        try:
            self._settle(session, captures, passed, left_out, functions)
        except (ProfError, pytest.UsageError) as error:
            self._say(f"ERROR: {error}")
            session.testsfailed += 1

    def _settle(
        self,
        session: pytest.Session,
        captures: list[Path],
        passed: set[str],
        left_out: Mapping[str, str],
        functions: int | None,
    ) -> None:
        if not captures:
            return
        counts = self._counts(captures)
        self._heavy(counts)
        if functions == 0 and not any(each.functions for each in counts.values()):
            self._say(
                "no function of the project was loaded, so nothing was counted: name its packages in pyproject.toml,"
                ' [tool.prof.pytest] packages = ["app.*"]'
            )
        if self.asked.page is not None:
            self._page(self.asked.page)
        passed = passed - left_out.keys()
        varies = self._verify(captures, passed) if self.asked.verify else {}
        if self.asked.save or self.asked.update:
            self._save(captures, passed, varies, left_out)
        if self.asked.check:
            left_out = {**self._check(session, counts, passed), **left_out}
        if self.asked.gates and left_out:
            self._left_out(left_out)

    def _counts(self, captures: Sequence[Path]) -> dict[tuple[str, str], Counts]:
        found: dict[tuple[str, str], Counts] = {}
        for capture in opened(captures):
            self._keys = measures(capture)
            for drop in capture.drops:
                if drop.key in _LOST:
                    self._say(f"{capture.path.name}: {drop.count:,} {drop.words}: counts may be too small")
            if capture.full:
                self._say(f"{capture.path.name} could not grow, and has no counts of what came later: {capture.full}")
            for key, counts in tests(capture).items():
                found.setdefault(key, counts)
        return found

    def _heavy(self, counts: dict[tuple[str, str], Counts]) -> None:
        key = self._keys[0] if self._keys else "calls"
        calls = [(name, each) for (phase, name), each in counts.items() if phase == CALL]
        calls.sort(key=lambda each: (-each[1].total(key), each[0]))
        self._heaviest = [(name, each, counts.get(("setup", name))) for name, each in calls[:_HEAVIEST]]

    def _page(self, path: Path) -> None:
        from prof.many import open_captures
        from prof.tools.analysis.report import analyse
        from prof.tools.modes import VIEWS
        from prof.tools.reports.asked import format_of, made
        from prof.tools.screen.output import write

        with open_captures(self._captures) as capture:
            report = analyse(capture, tuple(VIEWS.values()), "(pytest)")
            write(made(report, format_of("html")).render(report), str(path), capture.files)
        self._say(f"wrote {path}")

    # ---- what is reproducible ----

    def _verify(self, captures: Sequence[Path], passed: set[str]) -> dict[str, dict[str, str]]:
        """By test, what of it is not."""
        runs = [second_runs(captures, passed)]
        for seed in range(1, self.asked.verify + 1):
            outcome = again.run(self.config, seed, None, reverse=seed % 2 == 0)
            if outcome.failure:
                self._say(f"a fresh run with PYTHONHASHSEED={seed} gave no counts ({outcome.failure})")
            else:
                runs.append(outcome.tests)
        found = {}
        for name in sorted(passed):
            there = [run[name] for run in runs if name in run]
            if differs := varying(there):
                found[name] = differs
        self._say(
            f"{many(len(found), 'test')} of {len(passed):,} not reproducible in {len(runs)} processes"
            + (": what differs is not compared" if found else "")
        )
        for name, differs in list(found.items())[:_HEAVIEST]:
            for key, text in differs.items():
                self._say(f"  {name}: {key} {text}")
        return found

    # ---- the baseline ----

    def _save(
        self,
        captures: Sequence[Path],
        passed: set[str],
        varies: dict[str, dict[str, str]],
        left_out: Mapping[str, str],
    ) -> None:
        baseline = self.baseline
        assert baseline is not None
        found = second_runs(captures, passed)
        if not found:
            self._say(f"no test passed that could be compared: {baseline.path.name} is as it was")
            return
        for name, known in found.items():
            before = baseline.test(self.interpreter, name)
            known.varies |= varies.get(name, {})
            if before is not None and not self.asked.verify:  # what was once seen to vary is not known to have ceased
                known.varies = {**before.varies, **known.varies}
        rest = {name: Known({}, {}, left_out=why) for name, why in left_out.items()}
        baseline.put(self.interpreter, {**found, **rest}, keep=self.asked.update)
        baseline.write()
        self._say(f"wrote {many(len(found), 'test')} of {self.interpreter} to {baseline.path.name}")

    def _check(
        self, session: pytest.Session, counts: dict[tuple[str, str], Counts], passed: set[str]
    ) -> dict[str, str]:
        """Lets tests fail that did more. Returns those that were not compared, and why."""
        baseline = self.baseline
        assert baseline is not None
        keys = measured(self.asked.modes)
        compared = 0
        unknown = []
        left_out: dict[str, str] = {}
        suspects: dict[str, Known] = {}
        less: dict[str, dict[str, tuple[int, int]]] = {}
        for name in sorted(passed):
            own = counts.get((CALL, name_of(name)))
            known = baseline.test(self.interpreter, name)
            if known is not None and known.left_out:
                left_out[name] = known.left_out
            elif own is not None and own.runs > 1:
                left_out[name] = "it ran more than once"
            elif known is None:
                unknown.append(name)
            if own is None or known is None or name in left_out:
                continue
            compared += 1
            now = Known.of(own, keys)
            if rises(known, now, self.asked.rules):
                suspects[name] = known
            elif fallen := falls(known, now):
                less[name] = fallen
        failed = self._confirm(session, suspects) if suspects else 0
        self._say(f"{many(compared, 'test')} compared with {baseline.path.name}, {failed} did more than it allows")
        self._tell_unknown(unknown, baseline, passed)
        self._tell_less(less)
        return left_out

    def _confirm(self, session: pytest.Session, suspects: dict[str, Known]) -> int:
        """Runs tests that seem to have risen again: what only a first run does, or one order of a set, is no rise."""
        left = dict(suspects)
        seen: dict[str, list[Known]] = {name: [] for name in suspects}
        failure = ""
        for seed in _SEEDS:
            if not left:
                break
            outcome = again.run(self.config, seed, left, times=_TIMES)
            failure = outcome.failure
            for name, known in list(left.items()):
                now = outcome.tests.get(name)
                if now is None:
                    continue
                seen[name].append(now)
                if not rises(known, now, self.asked.rules):
                    del left[name]
        failed = 0
        for name, known in left.items():
            now_all = seen[name]
            if not now_all:
                why = failure or "it did not pass when it was run by itself"
                self._say(f"{name} seems to do more, but could not be run again: {why}")
                continue
            now = now_all[0] if len(now_all) == 1 else least(*now_all)
            broken = rises(known, now, self.asked.rules)
            unsteady = varying(now_all)
            for rise in [each for each in broken if each.rule.measure in unsteady]:
                self._say(f"{name} is not reproducible: {rise.rule.measure} {unsteady[rise.rule.measure]}")
            broken = [each for each in broken if each.rule.measure not in unsteady]
            if broken:
                failed += 1
                self._fail(session, name, broken, known, now)
        return failed

    def _fail(self, session: pytest.Session, name: str, broken: list[Rise], known: Known, now: Known) -> None:
        """Lets the test fail, in the words of its rises."""
        lines = [f"prof: {broken[0].text}", *(f"      {each.text}" for each in broken[1:])]
        for key in dict.fromkeys(each.rule.measure for each in broken):
            lines.append(f"{key} by function and line:")
            lines += where(known, now, key, str(self.config.rootpath))
            break
        lines.append(f"to accept: pytest --prof-update {shlex.quote(name)}")
        path, _, rest = name.partition("::")
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        for reports in (reporter.stats.get("passed", []) if reporter is not None else [],):
            reports[:] = [each for each in reports if each.nodeid != name or each.when != "call"]
        report = pytest.TestReport(
            name, (path, None, rest.replace("::", ".")), {}, "failed", "\n".join(lines), "call", duration=0.0
        )
        self.config.hook.pytest_runtest_logreport(report=report)

    def _tell_unknown(self, unknown: list[str], baseline: Baseline, passed: set[str]) -> None:
        if unknown:
            self._say(
                f"{many(len(unknown), 'test')} not in {baseline.path.name} ({_few(unknown)}): pytest --prof-update"
                " adds them"
            )
        gone = baseline.compared(self.interpreter) - passed
        if gone:
            self._say(f"{many(len(gone), 'test')} of {baseline.path.name} not held to it: not run here, or not passed")

    def _tell_less(self, less: dict[str, dict[str, tuple[int, int]]]) -> None:
        if not less:
            return
        self._say(f"{many(len(less), 'test')} doing less than before; pytest --prof-update keeps it that way:")
        for name, pairs in list(less.items())[:_NAMES]:
            self._say(f"  {name}: " + ", ".join(f"{key} {old:,} -> {new:,}" for key, (old, new) in pairs.items()))

    def _left_out(self, left_out: Mapping[str, str]) -> None:
        reasons: dict[str, list[str]] = {}
        for name, why in sorted(left_out.items()):
            reasons.setdefault(why, []).append(name)
        for why, names in reasons.items():
            self._say(f"{many(len(names), 'test')} recorded and not compared ({_few(names)}): {why}")

    # ---- what users see ----

    def _say(self, text: str) -> None:
        self._lines.append(text)

    def show(self, terminal: Any) -> None:
        """The section at the end."""
        shown = self._heaviest if self.asked.keep or self.asked.page is not None else []
        if not shown and not self._lines:
            return
        terminal.section("prof", sep="=")
        if shown:
            for line in self._table(shown):
                terminal.write_line(line)
            terminal.write_line("")
        for line in self._lines:
            terminal.write_line(line)
        if self.asked.keep and self._captures:
            first = _relative(self._captures[0])
            if len(self._captures) == 1:
                terminal.write_line(f"recorded {first}; look at it with: prof report {shlex.quote(first)}")
            else:
                files = many(len(self._captures), "capture")
                terminal.write_line(f"recorded {files} beside {first}; look at them together with: prof report")

    def _table(self, rows: list[tuple[str, Counts, Counts | None]]) -> Iterator[str]:
        titles = [_TITLES[key] for key in self._keys]
        cells = [[_shown(key, each.total(key)) for key in self._keys] for _, each, _ in rows]
        setups = [
            _shown(self._keys[0], setup.total(self._keys[0])) if setup is not None else "-" for _, _, setup in rows
        ]
        titles.append(f"{titles[0]} in setup")
        cells = [[*each, setup] for each, setup in zip(cells, setups, strict=True)]
        widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
        yield f"the heaviest tests by {titles[0]}, of functions that have probes:"
        yield "  ".join([*(title.rjust(width) for title, width in zip(titles, widths, strict=True)), "test"])
        for (name, _, _), row in zip(rows, cells, strict=True):
            yield "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=True)), name])


_TITLES = {"ops": "ops", "calls": "calls", "alloc_bytes": "allocated", "alloc_count": "allocations"}


def _shown(key: str, number: int) -> str:
    return (size(number) if number else "-") if key == "alloc_bytes" else count(number)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
