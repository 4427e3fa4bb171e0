"""ci/: the script that a GitHub action and a GitLab job run, as a shell runs it, on a repository with two commits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

CI = Path(__file__).resolve().parent.parent / "ci"
OLD = """\
def total(rows):
    found = 0
    for row in rows:
        found += row
    return found


def main():
    for number in range(5):
        total(range(50))


main()
"""
NEW = OLD.replace("        found += row\n", "        found += row\n        found += 0\n")
Compare = Callable[..., subprocess.CompletedProcess[str]]


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose last commit does more, and whose working folder has that commit."""
    folder = tmp_path_factory.mktemp("ci") / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("prof-ci*\n")
    for name, text in (("old", OLD), ("new", NEW)):
        (folder / "bench.py").write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", name)
    return folder


@pytest.fixture
def compare(repository: Path, tmp_path: Path) -> Compare:
    """Runs the script there; what it writes is in `tmp_path / "out"`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    prof = programs / "prof"
    prof.write_text(f"#!{sys.executable}\nimport sys\nfrom prof.tools.cli import main\nsys.exit(main())\n")
    prof.chmod(0o755)

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        known = {name: value for name, value in os.environ.items() if not name.startswith(("PROF", "GITHUB", "CI_"))}
        known["PATH"] = f"{programs}:{Path(sys.executable).parent}:{known['PATH']}"
        asked = {"PROF_COMMAND": "python bench.py", "PROF_OUT": str(tmp_path / "out"), "PROF_RUNS": "2", **variables}
        asked.setdefault("PROF_MODES", "ops")
        return subprocess.run(
            [str(CI / "compare.sh")], cwd=repository, env=known | asked, capture_output=True, text=True, check=False
        )

    return run


def test_a_commit_that_does_more_is_told_with_its_line(compare: Compare, repository: Path, tmp_path: Path) -> None:
    summary, outputs = tmp_path / "summary", tmp_path / "outputs"
    rules = "ops>1%\ncalls>0%,function=bench.*\n"
    found = compare(
        PROF_BASE="HEAD~1", PROF_FAIL_ON=rules, GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(outputs)
    )
    assert found.returncode == 1, found.stderr
    assert "breaks 1 of 2 rules: ops>1%" in found.stderr
    text = summary.read_text()
    assert text.startswith("# 1 rule of 2 broken\n")
    assert "- **FAILED** `ops>1%`" in text and "- passed `calls>0%,function=bench.*`" in text
    assert re.search(r"\| `bench\.py:5` \| `bench\.total` \| operations \|", text), "the line that was added"
    cases = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot().findall("testsuite/testcase")
    assert [(case.get("name"), len(case)) for case in cases] == [("ops>1%", 1), ("calls>0%,function=bench.*", 0)]
    assert outputs.read_text() == f"folder={tmp_path / 'out'}\n"
    assert {"summary.md", "junit.xml", "difference.json", "page.html", "bench.txt"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    trees = subprocess.check_output(["git", "worktree", "list"], cwd=repository, text=True)
    assert len(trees.splitlines()) == 1, "nothing is left in the repository"
    # What is there is not written over.
    again = compare(PROF_BASE="HEAD~1")
    assert again.returncode == 2 and "is not empty" in again.stderr


def test_the_same_commit_breaks_no_rule(compare: Compare, tmp_path: Path) -> None:
    found = compare(PROF_BASE="HEAD", PROF_FAIL_ON="ops>0%")
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "out" / "summary.md").read_text().startswith("# No difference\n")


@pytest.mark.parametrize(
    ("variables", "status", "words"),
    [
        ({"PROF_COMMAND": ""}, 2, "PROF_COMMAND says what is recorded"),
        ({}, 2, "PROF_BASE says which commit"),
        ({"PROF_BASE": "absent"}, 2, "absent is no commit here"),
        ({"GITHUB_BASE_REF": "main"}, 2, "origin/main is not here"),
        ({"PROF_BASE": "HEAD~1", "PROF_SETUP": "exit 4"}, 3, "PROF_SETUP failed"),
        ({"PROF_BASE": "HEAD~1", "PROF_COMMAND": "echo oh >&2; exit 7"}, 3, "ended with status 7: oh"),
        ({"PROF_BASE": "HEAD~1", "PROF_FAIL_ON": "tea>1"}, 2, "no measure 'tea'"),
    ],
)
def test_what_cannot_be_compared_has_a_status(
    compare: Compare, variables: dict[str, str], status: int, words: str
) -> None:
    found = compare(**variables)
    assert (found.returncode, words in found.stderr) == (status, True), found.stderr


def test_the_action_and_the_job_say_what_the_script_reads() -> None:
    """Each variable that the script explains is one that it reads, and an input of the action."""
    script, action = ((CI / name).read_text() for name in ("compare.sh", "action.yml"))
    explained = set(re.findall(r"^#   (PROF_\w+)", script, re.MULTILINE))
    read = set(re.findall(r"\$\{(PROF_\w+)", script)) | set(re.findall(r"\$(PROF_\w+)", script))
    assert explained == read
    inputs = set(re.findall(r"^  ([\w-]+):$", action.partition("outputs:")[0], re.MULTILINE))
    given = dict(re.findall(r"(PROF_\w+): \$\{\{ inputs\.([\w-]+) \}\}", action))
    assert given.keys() - {"PROF_INSTALL"} == explained
    assert set(given.values()) == inputs
    assert set(re.findall(r"PROF_\w+", (CI / "gitlab.yml").read_text())) <= explained | {"PROF_INSTALL", "PROF_COMPARE"}
