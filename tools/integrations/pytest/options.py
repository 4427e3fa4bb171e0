"""What a run of pytest is asked for, made of its options. Mistakes in them end the run before a test."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from prof import pyproject
from prof.configuration import ProfilerConfig
from prof.errors import ProfError, UsageError
from prof.tools.analysis.difference import counted
from prof.tools.analysis.gate import Rule, parse_rule
from prof.tools.integrations.pytest import baseline as baselines
from prof.tools.integrations.pytest.plugin import DEFAULT, PAGE, RUNS
from prof.tools.modes import VIEWS, comparable

RULES = ("ops>1%", "alloc_bytes>2%", "calls>1%")
"""What `--prof-check` holds tests to unless it names rules itself."""
KEYS = {"packages": list, "tests": bool, "rules": list, "baseline": str}
_KINDS = {list: "a list of texts", bool: "true or false", str: "a text"}
TABLE = "[tool.prof.pytest]"


@frozen
class Asked:
    """What is wanted of this run."""

    config: ProfilerConfig
    keep: bool
    """Whether captures stay: with --prof."""
    page: Path | None
    save: bool
    update: bool
    verify: int
    rules: tuple[Rule, ...]
    check: bool
    baseline: Path
    packages: tuple[str, ...]
    """Patterns of modules; empty: the project's own."""
    tests: bool
    """Whether functions of test modules count, too."""

    @property
    def modes(self) -> list[str]:
        return [mode.name for mode in self.config.settings(DEFAULT).modes]

    @property
    def gates(self) -> bool:
        """Whether tests are compared with others."""
        return bool(self.check or self.save or self.update or self.verify)


def asked(config: pytest.Config) -> Asked:
    """Of the options of this run and of pyproject.toml. Raises pytest.UsageError: one line, status 4."""
    try:
        return _asked(config)
    except ProfError as error:
        raise pytest.UsageError(f"prof: {' '.join(str(error).split())}") from None


def _asked(config: pytest.Config) -> Asked:
    option = config.option
    table = _table(config)
    _rescue(config)
    check = option.prof_check is not None
    if check and (option.prof_save or option.prof_update):
        raise UsageError("--prof-check compares with the baseline, --prof-save and --prof-update write it: one of both")
    runs = option.prof_verify
    if runs is not None and not (runs.isdecimal() and int(runs) >= 2):
        raise UsageError(f"--prof-verify={runs}: runs are compared, so it takes a number from 2 on")
    rules = option.prof_check or table.get("rules") or RULES
    given = ProfilerConfig.parse(option.prof) if option.prof else ProfilerConfig()
    modes = given.given().get("modes", DEFAULT)
    found = Asked(
        config=ProfilerConfig(**{"modes": modes, **given.given()}),
        keep=option.prof is not None,
        page=Path(option.prof_page) if option.prof_page is not None else None,
        save=option.prof_save,
        update=option.prof_update,
        verify=int(runs or 0),
        rules=tuple(map(_rule, rules)) if check else (),
        check=check,
        baseline=config.rootpath / (option.prof_baseline or table.get("baseline") or baselines.FILE),
        packages=tuple(table.get("packages", ())),
        tests=bool(table.get("tests", False)),
    )
    _check_modes(found, option.prof)
    return found


def _table(config: pytest.Config) -> dict[str, Any]:
    """`[tool.prof.pytest]` of the nearest pyproject.toml that has it."""
    for path, table in pyproject.tables("pytest", str(config.rootpath)):
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {TABLE} must be a table")
        for key, value in table.items():
            if key not in KEYS:
                raise UsageError(f"{path}: {TABLE} has no key {key!r}; known: {', '.join(KEYS)}")
            if not isinstance(value, KEYS[key]) or (isinstance(value, list) and any(type(v) is not str for v in value)):
                raise UsageError(f"{path}: {TABLE} {key} must be {_KINDS[KEYS[key]]}")
        return dict(table)
    return {}


def _rescue(config: pytest.Config) -> None:
    """Where tests are named behind an option that may have a value, they are not its value."""
    option = config.option
    found: list[str] = []
    if option.prof_check:
        found += [each for each in option.prof_check if _names_tests(config, each)]
        option.prof_check = [each for each in option.prof_check if each not in found]
    for name, default in (("prof", DEFAULT), ("prof_page", PAGE), ("prof_verify", RUNS)):
        value = getattr(option, name)
        if value and value != default and _names_tests(config, value):
            found.append(value)
            setattr(option, name, default)
    if found:
        given = config.args_source is pytest.Config.ArgsSource.ARGS
        config.args[:] = [*(config.args if given else ()), *found]


def _names_tests(config: pytest.Config, text: str) -> bool:
    path = os.path.join(config.invocation_params.dir, text.partition("::")[0])
    return os.path.isdir(path) or (path.endswith(".py") and os.path.exists(path))


def _rule(text: str) -> Rule:
    try:
        return parse_rule(text, comparable())
    except UsageError as error:
        raise UsageError(str(error).replace("--fail-on", "--prof-check")) from None


def _check_modes(found: Asked, said: str | None) -> None:
    """Raises UsageError where what a rule needs is not recorded."""
    needs = {each.key: view.name for view in VIEWS.values() for each in view.counted}
    for rule in found.rules:
        mode = needs.get(rule.measure)
        if mode is not None and mode not in found.modes:
            raise UsageError(
                f"--prof={said} does not record {mode}, which --prof-check {rule.text!r} needs: --prof={said}+{mode}"
            )


def measured(modes: Sequence[str]) -> list[str]:
    """What these modes count."""
    return [each.key for each in counted(view for view in comparable() if view.name in modes)]


def own_packages(root: Path) -> Iterable[str]:
    """The packages and modules of a project: what lies in its folder and in `src`, without its tests."""
    for folder in (root / "src", root):
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue
        for entry in entries:
            package = entry.is_dir() and ((entry / "__init__.py").exists() or folder.name == "src")
            if entry.stem.isidentifier() and (package or entry.suffix == ".py") and not _is_no_code(entry.stem):
                yield entry.stem


def _is_no_code(name: str) -> bool:
    return name in ("setup", "conftest", "noxfile", "tests", "test", "docs") or name.startswith("test_")
