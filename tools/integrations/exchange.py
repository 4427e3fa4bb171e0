"""What a middleware makes of a request and of a response, whichever interface they come by."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from attrs import evolve, field, frozen
from prof.errors import ProfError
from prof.own_imports import own_imports
from prof.tools.integrations.requests import HEADER as HEADER
from prof.tools.integrations.requests import QUERY, Record, Requests

if TYPE_CHECKING:
    Headers = list[tuple[str, str]]

COOKIE = "prof"
REPORT = "X-Prof-Report"
NOTE = "X-Prof-Note"
LONGEST_FORM = 4096
_WITHOUT_BODY = (204, 304)
_STYLE = (
    "position:fixed;right:8px;bottom:8px;z-index:2147483647;padding:4px 8px;background:#222;color:#fff;"
    "font:13px sans-serif"
)


@frozen
class Asked:
    """A request, as far as it matters here. `path` is below `root`, where the application is mounted."""

    method: str
    root: str
    path: str
    query: str
    header: str | None
    cookies: str
    secure: bool
    body: str = ""

    @property
    def by_query(self) -> bool:
        """Whether its address has `?prof`."""
        return QUERY in self.query and QUERY in parse_qs(self.query, keep_blank_values=True)

    @property
    def cookie(self) -> str | None:
        """The cookie that stands for the secret."""
        try:
            found = SimpleCookie(self.cookies).get(COOKIE)
        except CookieError:
            return None
        return found.value if found is not None else None


def with_body(asked: Asked, body: bytes) -> Asked:
    """The same with a form."""
    return evolve(asked, body=body.decode("utf-8", "replace"))


def value_of(name: str, form: str) -> str | None:
    """A field of a query or a form."""
    return next(iter(parse_qs(form).get(name, ())), None)


def address(requests: Requests, asked: Asked, name: str) -> str:
    """Of a record's page, with the key that opens it."""
    key = requests.key(name)
    return f"{quote(asked.root)}{quote(requests.prefix)}{name}{f'?key={key}' if key else ''}"


# ---- our own pages ----


@frozen
class Answer:
    """A response of ours."""

    status: HTTPStatus
    text: str
    headers: Headers = field(factory=list)


def is_ours(requests: Requests, asked: Asked) -> bool:
    """Whether the address is one of our pages: the list, or a record. Others below are the application's."""
    if not (requests.open_to_all or requests.key("cookie")):
        return False
    name = asked.path.removeprefix(requests.prefix)
    if asked.path == requests.prefix:
        return asked.method in ("GET", "HEAD", "POST")
    if not requests.is_record(name) or name == asked.path or asked.method not in ("GET", "HEAD"):
        return False
    return _may(requests, asked) or requests.opens(name, value_of("key", asked.query))


def answer(requests: Requests, asked: Asked) -> Answer:
    """The page that is asked for; of what is ours."""
    pages = _pages()
    try:
        if asked.path != requests.prefix:
            found = Answer(HTTPStatus.OK, requests.page(asked.path.removeprefix(requests.prefix), pages.page_of))
        elif asked.method == "POST" and not requests.knows(value_of("secret", asked.body)):
            found = Answer(HTTPStatus.FORBIDDEN, pages.form(wrong=True))
        elif asked.method != "POST" and not _may(requests, asked):
            found = Answer(HTTPStatus.OK, pages.form(wrong=False))
        else:
            rows = requests.records()
            text = pages.index(rows, lambda name: address(requests, asked, name))
            found = Answer(HTTPStatus.OK, text, _entry(requests, asked) if asked.method == "POST" else [])
    except ProfError as error:
        found = Answer(HTTPStatus.NOT_FOUND, pages.message(f"No page: {error}"))
    return Answer(found.status, found.text, [*pages.HEADERS, *found.headers])


@functools.cache  # own_imports is no thing to do twice beside other threads
def _pages() -> ModuleType:
    with own_imports():
        from prof.tools.integrations import pages

    return pages


def _may(requests: Requests, asked: Asked) -> bool:
    return requests.opens("cookie", asked.cookie) or (asked.header is not None and requests.knows(asked.header))


def _entry(requests: Requests, asked: Asked) -> Headers:
    """The cookie with which `?prof` is enough. Other sites' links and forms do not send it."""
    secure = "; Secure" if asked.secure else ""
    path = quote(asked.root) or "/"
    return [("Set-Cookie", f"{COOKIE}={requests.key('cookie')}; Path={path}; HttpOnly; SameSite=Strict{secure}")]


def begun(requests: Requests, asked: Asked, chance: bool) -> Record | None:
    """The record of a request that has entered, if it is asked for, or by chance."""
    why = requests.why(asked.by_query, asked.header, asked.cookie, chance)
    return requests.begin(asked.method, asked.root + asked.path, why) if why else None


# ---- the application's response ----


@frozen
class Marked:
    """What a response is told of its record: headers to add, and what stands behind an HTML page."""

    headers: Headers
    behind: bytes = b""


def marked(requests: Requests, asked: Asked, record: Record, status: int, headers: Iterable[tuple[str, str]]) -> Marked:
    """Nothing for a request that was recorded unasked: who sent it may not see the page."""
    record.status = str(status)
    if not record.wanted:
        return Marked([])
    if record.note:
        return Marked([(NOTE, record.note.encode("ascii", "replace").decode())])
    to = address(requests, asked, record.id)
    linked = record.why == "query" and _takes_link(asked.method, status, headers)
    return Marked([(REPORT, to), ("Cache-Control", "no-store")], _link(to) if linked else b"")


def _link(to: str) -> bytes:
    """What is put behind an HTML page: in ASCII, so that it is the same in most encodings that a page may have."""
    return f'\n<a href="{to}" style="{_STYLE}" target="_blank" rel="noreferrer">prof</a>\n'.encode("ascii")


def _takes_link(method: str, status: int, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether it is an HTML page as the browser shows it."""
    found = {name.lower(): value.lower() for name, value in headers}
    plain = not {"content-encoding", "content-range", "trailer"} & set(found)
    html = found.get("content-type", "").startswith("text/html") and "utf-16" not in found.get("content-type", "")
    return method != "HEAD" and status >= 200 and status not in _WITHOUT_BODY and plain and html


def longer(headers: Iterable[tuple[str, str]], more: Marked) -> Headers:
    """The headers with what is added. The length that they say is that with what stands behind."""
    added = {name.lower() for name, _ in more.headers}
    found = []
    for name, value in headers:
        if name.lower() == "content-length" and more.behind and value.isdecimal():
            value = str(int(value) + len(more.behind))
        if name.lower() not in added:
            found.append((name, value))
    return [*found, *more.headers]
