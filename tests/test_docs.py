"""README, CONTRIBUTING and docs/: links lead somewhere, README names every page, and what they name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prof.tools.screen.glossary import QUESTIONS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WIDEST = 140

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)
# In CONTRIBUTING's table: a file or folder, and what is said of it.
_PLACE = re.compile(r"^\|[^|]*\| `([\w./]+)` \|(.*)\|$", re.MULTILINE)
_NAME = re.compile(r"`(\w+)(?:\(\w*\))?`")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    """Where the relative links of a page lead."""
    yield from (
        target for target in _LINK.findall(prose(page)) if not target.startswith(("http:", "https:", "mailto:"))
    )


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page: lower case, without punctuation, a hyphen for each space."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        again = 0
        while (name := f"{anchor}-{again}" if again else anchor) in found:
            again += 1
        found.add(name)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_table_of_readme_has_every_page() -> None:
    rows = [line for line in prose(ROOT / "README.md").splitlines() if line.startswith("| [docs/")]
    listed = [_LINK.findall(row)[0] for row in rows]
    assert sorted(listed) == sorted(page.relative_to(ROOT).as_posix() for page in PAGES if page.parent.name == "docs")


def test_the_table_of_contributing_names_what_is_there() -> None:
    table = prose(ROOT / "CONTRIBUTING.md").partition("## Where to change what")[2].partition("\n## ")[0]
    rows = _PLACE.findall(table)
    assert len(rows) > 10
    missing = []
    for place, words in rows:
        path = ROOT / place
        if not path.exists():
            missing.append(place)
        elif path.is_file():
            text = path.read_text(encoding="utf-8")
            missing += [f"{name} in {place}" for name in _NAME.findall(words) if not re.search(rf"\b{name}\b", text)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_not_too_wide_to_read(page: Path) -> None:
    assert [line for line in page.read_text(encoding="utf-8").splitlines() if len(line) > WIDEST] == []


def test_readme_has_the_questions_of_prof_help() -> None:
    rows = [
        line
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("| ") and line.endswith("` |") and "](" not in line
    ]
    assert rows == [f"| {question} | `{answer}` |" for question, answer in QUESTIONS]
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
