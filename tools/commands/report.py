"""`prof report`: what took time, memory and operations, as text or a page for people, or JSON for tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from attrs import frozen
from prof.capture import Capture, Function, Tree, open_capture
from prof.errors import UsageError
from prof.folded import beside
from prof.tools import html_data, html_report, json_report, text_report
from prof.tools.call_tree import tree_lines
from prof.tools.commands.arguments import add_capture, add_output, command, find_capture, natural
from prof.tools.listing import listing
from prof.tools.modes import SORTS, TREE_COLUMNS
from prof.tools.output import STDOUT, width, working, write, write_lines, writing
from prof.tools.session import Session, summarise
from prof.tools.table import Line
from prof.tools.wish import DEPTH, FEW, LIMIT, MIN_PERCENT, Wish

EXAMPLES = """
prof report                                 the newest capture in this directory
prof report app.capture --sort total --limit 50
prof report app.capture --sort alloc        by bytes allocated; live: by what was not freed
prof report app.capture --callers parse     who calls app.parse, and what each caller costs
prof report app.capture --sort ops          by operations executed
prof report app.capture --source parse.py   the file, with counts, operations, times and bytes beside its lines
prof report app.capture --tree --depth 30 --min-percent 0.1
prof report app.capture --format json -o app.json
prof report --format html                   all modes side by side, for any browser; prints the page's path
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "report", EXAMPLES)
    add_capture(parser)
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="text or a page for people, or JSON for tools"
    )
    parser.add_argument("--sort", choices=SORTS, help="order of the tables (default: self; without times, alloc)")
    parser.add_argument(
        "--limit",
        type=natural,
        metavar="N",
        help=f"rows a table; 0: all (default: 20, of operations by name 10; of JSON {json_report.LIMIT:,} a list)",
    )
    view = parser.add_mutually_exclusive_group()
    view.add_argument(
        "--callers", metavar="NAME", help="only who calls this function or section: its name, or the end of it"
    )
    view.add_argument("--callees", metavar="NAME", help="only what this function calls")
    view.add_argument("--tree", action="store_true", help="only the call tree")
    view.add_argument(
        "--source", metavar="FILE", help="only this file, as it was recorded, each line with what it did in the margin"
    )
    parser.add_argument(
        "--lines", action="store_true", help="show lines in the call tree, which is by memory or samples then"
    )
    parser.add_argument("--depth", type=natural, metavar="N", help="levels of the call tree; 0: all")
    parser.add_argument(
        "--min-percent",
        type=_percentage,
        metavar="P",
        help="leave out of the call tree, or of the graphs, what took less",
    )
    add_output(parser, "-; of html, <base>.html beside the capture")
    parser.set_defaults(run=run)


def _percentage(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 100")
    return number


@frozen
class _Material:
    session: Session
    tree: Tree
    functions: list[Function]


def _read(capture: Capture) -> _Material:
    tree = capture.tree()
    functions = capture.functions(tree)
    return _Material(summarise(capture, tree, functions), tree, functions)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    path, note = find_capture(args.capture)
    with open_capture(path) as capture:
        with working(f"Reading {path}"):
            material = _read(capture)
        FORMATS[args.format](material, args, note)
    return 0


def _sort(session: Session, args: argparse.Namespace) -> str:
    """The order that was asked for, or the capture's first. Raises UsageError when the capture has no such figures."""
    has = [name for name, sort in SORTS.items() if session.capture.recorded(sort.column)]
    with_lines = [n for n in has if SORTS[n].column in TREE_COLUMNS and not TREE_COLUMNS[SORTS[n].column].time]
    if args.lines and not with_lines:
        raise UsageError(f"{session.capture.path} was recorded without memory and samples: it has no lines")
    if args.sort is None:
        firsts = [name for view in session.views for name in list(view.sorts)[:1]]
        return (with_lines if args.lines else [*firsts, "calls"])[0]
    if args.sort not in has:
        raise UsageError(f"{session.capture.path} was recorded without {args.sort}; it has: {', '.join(has)}")
    return str(args.sort)


def _write_text(material: _Material, args: argparse.Namespace, note: str) -> None:
    wish = Wish(
        sort=SORTS[_sort(material.session, args)],
        limit=LIMIT if args.limit is None else args.limit,
        few=FEW if args.limit is None else args.limit,
        depth=DEPTH if args.depth is None else args.depth,
        min_percent=MIN_PERCENT if args.min_percent is None else args.min_percent,
        width=width(),
        lines=args.lines,
    )
    with writing(args.output):
        write_lines(_text(material, args, wish, note), args.output)


def _text(material: _Material, args: argparse.Namespace, wish: Wish, note: str) -> Iterator[Line]:
    session, tree = material.session, material.tree
    name = args.callers or args.callees
    if name is not None:
        for function in _find(material.functions, name):
            edges = session.capture.edges(tree, of=function.label.index)
            yield from text_report.edges_table(function, edges, args.callers is not None, wish, session)
    elif args.source is not None:
        yield from listing(session, tree, material.functions, args.source, note)
    elif args.tree:
        yield from text_report.header(session, note)
        yield from tree_lines(session, tree, wish)
    else:
        yield from text_report.report(session, tree, material.functions, wish, note)


def _find(functions: list[Function], name: str) -> list[Function]:
    """The functions or sections of that name, or whose name ends in it. Raises UsageError that lists likely ones."""
    exact = [f for f in functions if f.label.name == name]
    found = exact or [f for f in functions if f.label.name.endswith((f".{name}", f"!{name}"))]
    if found:
        return found
    like = sorted({f.label.name for f in functions if name.lower() in f.label.name.lower()})
    hint = f"did you mean {', '.join(like[:5])}?" if like else "see `prof report --limit 0` for the names"
    raise UsageError(f"no function {name!r} in this capture: {hint}")


def _only_text(args: argparse.Namespace, why: str) -> None:
    """Raises UsageError for what only the text report has."""
    for option in ("callers", "callees", "tree", "source", "lines"):
        if getattr(args, option):
            raise UsageError(f"--{option} is of the text report: {why}")


def _write_json(material: _Material, args: argparse.Namespace, note: str) -> None:
    _only_text(args, "JSON has edges, lines and the tree of all functions")
    document = json_report.document(
        material.session,
        material.tree,
        material.functions,
        min_percent=json_report.MIN_PERCENT if args.min_percent is None else args.min_percent,
        depth=args.depth or 0,
        limit=json_report.LIMIT if args.limit is None else args.limit,
    )
    with writing(args.output):
        write(document, args.output)


def _write_html(material: _Material, args: argparse.Namespace, note: str) -> None:
    _only_text(args, "the page has the whole tree, and all lines")
    session, tree = material.session, material.tree
    sort = SORTS[_sort(session, args)].field
    measures = [measure for _, measure in html_data.recorded_measures(session.capture)]
    path = session.capture.path
    output = args.output or str(beside(path, ".html"))
    with working(f"Drawing {path}"):
        selection = html_data.select(tree, measures, (args.min_percent or 0) / 100, args.depth or 0)
        # The page is read where and when that capture is no longer the newest.
        note = f"({path.name})"
        page = html_report.document(session, tree, material.functions, selection, note, sort)
        write(page, output, None if args.output else path)
    print(f"prof: {html_report.summary(selection, output)}", file=sys.stderr)
    if output != STDOUT:
        print(output)


FORMATS = {"text": _write_text, "json": _write_json, "html": _write_html}
