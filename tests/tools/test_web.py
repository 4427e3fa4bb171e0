"""The WSGI and ASGI middleware: what is recorded, for whom, and that the application does not notice."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.validate import validator

import prof
import pytest
from prof.capture import open_capture
from prof.errors import UsageError

SECRET = "a secret of some length"
HTML = "text/html; charset=utf-8"
SHOP = """
import asyncio, threading

def price(n):
    return n * 2

async def stock(n, gate):
    await gate(n)
    return price(n)

def total(items):
    return sum(price(n) for n in range(items))
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module of a project: what is chosen unless something is said."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text("")
    (project / "webshop.py").write_text(SHOP)
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.delitem(sys.modules, "webshop", raising=False)
    import webshop  # type: ignore[import-not-found]

    return webshop  # type: ignore[no-any-return]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return tmp_path / "records"


class Response:
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, dict(headers), body
        self.names = [name for name, _ in headers]

    @property
    def report(self) -> str:
        return self.headers["X-Prof-Report"]


def get(app: Any, address: str, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
    """Asks as a WSGI server does: reads the whole response, and closes it."""
    parts = urlsplit(address)
    environ = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": parts.path, "QUERY_STRING": parts.query,
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }  # fmt: skip
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        started[:] = [int(status[:3]), headers]
        return lambda data: None

    blocks = app(environ, start_response)
    try:
        found = b"".join(blocks)
    finally:
        if hasattr(blocks, "close"):
            blocks.close()
    return Response(started[0], started[1], found)


async def ask(app: Any, address: str, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
    """Asks as an ASGI server does."""
    parts = urlsplit(address)
    named = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": method, "path": parts.path, "query_string": parts.query.encode(), "headers": named,
        "scheme": "http", "root_path": "",
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    decoded = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return Response(start["status"], decoded, b"".join(part.get("body", b"") for part in rest))


def page(app: Callable[..., Any], kind: str = HTML) -> Any:
    """A WSGI application that returns what `app` says."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        text = f"<html><body>{app()}</body></html>".encode()
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(text)))])
        return [text]

    return application


def calls(records: Path, response: Response) -> dict[str, int]:
    """The calls of functions as the record's page has them."""
    from prof.tools.integrations import pages

    folder = records / urlsplit(response.report).path.rpartition("/")[2]
    about = json.loads((folder / "about.json").read_text())
    (path,) = folder.glob("*.capture")
    with open_capture(path) as capture:
        pages._narrow(capture, about)
        functions = capture.functions(capture.tree())
        return {f.label.name: f.calls for f in functions if f.label.kind == "function"}


def entry(app: Any) -> str:
    """The cookie of somebody who has given the secret."""
    found = get(app, "/__prof__/", "POST", f"secret={SECRET.replace(' ', '+')}".encode())
    assert found.status == 200
    return found.headers["Set-Cookie"].partition(";")[0]


# ---- on and off ----


def test_without_a_secret_there_is_no_middleware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROF_SECRET", raising=False)
    app = page(str)

    async def other(scope: Any, receive: Any, send: Any) -> None: ...

    assert prof.wsgi(app) is app
    assert prof.asgi(other) is other
    monkeypatch.setenv("PROF_SECRET", SECRET)
    assert prof.wsgi(app) is not app
    assert prof.wsgi(app, secret="") is app


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secret": "short"}, "16 characters"),
        ({"open_to_all": True, "prefix": "/"}, "prefix"),
        ({"every": -1}, "every"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(options: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        prof.wsgi(page(str), **options)


def test_importing_prof_loads_nothing_of_it() -> None:
    code = "import sys, prof; print([m for m in sys.modules if 'integrations' in m or m.startswith('prof.tools')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- who may ----


def test_the_header_with_the_secret_records_a_request(shop: Any, records: Path) -> None:
    app = validator(prof.wsgi(validator(page(lambda: shop.total(5))), secret=SECRET, directory=str(records)))
    plain, before = get(app, "/a"), shop.total.__code__
    found = get(app, "/a", x_prof=SECRET)
    assert (found.status, found.body) == (plain.status, plain.body)
    assert set(found.names) == {*plain.names, "X-Prof-Report", "Cache-Control"}
    assert calls(records, found) == {"webshop.total": 1, "webshop.price": 5}
    assert shop.total.__code__ is before  # it has no probes any more
    shown = get(app, found.report)
    assert shown.status == 200
    assert b"webshop" in shown.body and b"GET /a" in shown.body
    assert get(app, found.report).body == shown.body


def test_who_does_not_know_the_secret_gets_what_the_application_says(shop: Any, records: Path) -> None:
    app = prof.wsgi(page(lambda: shop.total(5)), secret=SECRET, directory=str(records))
    recorded = get(app, "/a", x_prof=SECRET)
    plain = get(app, "/a")
    for address, headers in [
        ("/a?prof", {}),
        ("/a", {"x_prof": "another secret of some length"}),
        ("/a?prof", {"cookie": "prof=made up"}),
        ("/a?prof", {"cookie": "prof=\xe9; ;;="}),
        (recorded.report[:-1], {}),
        (recorded.report.partition("?")[0], {}),
        ("/__prof__/../../etc/passwd", {"x_prof": SECRET[:-1]}),
    ]:
        found = get(app, address, **headers)
        assert (found.body, found.names) == (plain.body, plain.names), address
    assert len(list(records.iterdir())) == 1
    refused = get(app, "/__prof__/", "POST", b"secret=no")
    assert refused.status == 403 and "Set-Cookie" not in refused.names
    assert b"/a" not in get(app, "/__prof__/").body


def test_query_with_the_cookie_puts_a_link_behind_a_page(shop: Any, records: Path) -> None:
    app = prof.wsgi(page(lambda: shop.total(5)), secret=SECRET, directory=str(records))
    cookie = entry(app)
    plain, found = get(app, "/a"), get(app, "/a?x=1&prof", cookie=cookie)
    assert found.body.startswith(plain.body)
    (link,) = re.findall(rb'<a href="(.*?)"', found.body[len(plain.body) :])
    assert link.decode() == found.report
    assert found.headers["Content-Length"] == str(len(found.body))
    assert found.headers["Cache-Control"] == "no-store"
    listed = get(app, "/__prof__/", cookie=cookie).body
    assert found.report.encode() in listed and b"GET /a" in listed


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/html; charset=utf-16"])
def test_what_is_no_page_stays_as_it_is(shop: Any, records: Path, kind: str) -> None:
    app = prof.wsgi(page(lambda: shop.total(5), kind), open_to_all=True, directory=str(records))
    plain, found = get(app, "/a"), get(app, "/a?prof")
    assert found.body == plain.body
    assert found.headers["Content-Length"] == str(len(found.body))
    assert get(app, found.report).status == 200


def test_one_in_so_many_is_kept_for_those_who_may(shop: Any, records: Path) -> None:
    app = prof.wsgi(page(lambda: shop.total(5)), secret=SECRET, every=1, directory=str(records), keep=3)
    plain = get(page(lambda: shop.total(5)), "/a")
    for _ in range(5):
        found = get(app, "/a")
        assert (found.body, found.names) == (plain.body, plain.names)
    assert len(list(records.iterdir())) == 3
    assert get(app, "/__prof__/", cookie=entry(app)).body.count(b"GET /a") == 3


def test_a_folder_that_others_may_write_to_is_refused_in_words(shop: Any, records: Path) -> None:
    records.mkdir(mode=0o700)
    records.chmod(0o777)
    app = prof.wsgi(page(lambda: shop.total(5)), secret=SECRET, directory=str(records))
    found = get(app, "/a", x_prof=SECRET)
    assert found.body == get(app, "/a").body
    assert "not this user's alone" in found.headers["X-Prof-Note"]
    assert not list(records.iterdir())


def test_records_are_the_users_alone(shop: Any, records: Path) -> None:
    app = prof.wsgi(page(lambda: shop.total(5)), secret=SECRET, directory=str(records))
    get(app, get(app, "/a", x_prof=SECRET).report)
    assert {path.stat().st_mode & 0o077 for path in [records, *records.iterdir()]} == {0}


# ---- the application does not notice ----


def streaming(shop: Any, events: list[str], fails: bool = False) -> Any:
    def blocks() -> Iterator[bytes]:
        try:
            for n in range(3):
                shop.price(n)
                yield f"<p>{n}".encode()
                if fails:
                    raise ValueError("in the middle")
        finally:
            events.append("closed")

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])
        return blocks()

    return application


def test_a_streaming_response_is_recorded_to_its_end(shop: Any, records: Path) -> None:
    events: list[str] = []
    app = validator(prof.wsgi(validator(streaming(shop, events)), secret=SECRET, directory=str(records)))
    found = get(app, "/s", x_prof=SECRET)
    assert found.body == b"<p>0<p>1<p>2" and events == ["closed"]
    assert calls(records, found) == {"webshop.price": 3}


def test_a_client_that_goes_away_ends_the_record(shop: Any, records: Path) -> None:
    events: list[str] = []
    app = prof.wsgi(streaming(shop, events), secret=SECRET, directory=str(records))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/s", "HTTP_X_PROF": SECRET}
    blocks: Any = app(environ, lambda *args: None)
    assert next(blocks) == b"<p>0" and not events
    blocks.close()
    assert events == ["closed"]
    assert len(list(records.glob("*/about.json"))) == 1
    assert "X-Prof-Report" in get(app, "/s", x_prof=SECRET).names  # the next one is recorded


def test_a_server_that_does_not_close_ends_the_record_as_well(shop: Any, records: Path) -> None:
    app = prof.wsgi(streaming(shop, []), secret=SECRET, directory=str(records))
    b"".join(app({"REQUEST_METHOD": "GET", "PATH_INFO": "/s", "HTTP_X_PROF": SECRET}, lambda *args: None))
    assert len(list(records.glob("*/about.json"))) == 1


def test_errors_are_the_applications_own(shop: Any, records: Path) -> None:
    def raises(environ: Any, start_response: Any) -> Any:
        shop.price(1)
        raise KeyError("gone")

    app = prof.wsgi(raises, secret=SECRET, directory=str(records))
    with pytest.raises(KeyError, match="gone"):
        get(app, "/a", x_prof=SECRET)
    app = prof.wsgi(streaming(shop, [], fails=True), secret=SECRET, directory=str(records))
    with pytest.raises(ValueError, match="in the middle"):
        get(app, "/a", x_prof=SECRET)
    assert len(list(records.glob("*/about.json"))) == 2


def test_a_response_keeps_its_length(shop: Any, records: Path) -> None:
    app = prof.wsgi(page(lambda: shop.total(1)), open_to_all=True, directory=str(records))
    for query, blocks in (("", 1), ("prof", 2)):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a", "QUERY_STRING": query}
        found: Any = app(environ, lambda *args: None)
        assert len(found) == len(list(found)) == blocks
        if query:
            found.close()


def test_a_request_that_goes_on_for_long_is_recorded_for_a_while(shop: Any, records: Path) -> None:
    app = prof.wsgi(streaming(shop, []), secret=SECRET, directory=str(records), longest=0.0)
    found = get(app, "/s", x_prof=SECRET)
    assert found.body == b"<p>0<p>1<p>2"
    assert [json.loads(each.read_text())["cut"] for each in records.glob("*/about.json")] == [True]


# ---- requests do not mix ----


def test_a_request_beside_others_has_its_own_calls_alone(shop: Any, records: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        shop.total(3)
        if environ["PATH_INFO"] == "/slow":
            inside.set()
            go_on.wait(10)
            shop.total(4)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    app = prof.wsgi(application, secret=SECRET, directory=str(records))
    found: list[Response] = []
    slow = threading.Thread(target=lambda: found.append(get(app, "/slow", x_prof=SECRET)))
    slow.start()
    assert inside.wait(10)
    others = [get(app, "/quick", x_prof=SECRET if n < 2 else "") for n in range(7)]
    assert calls(records, others[0]) == {"webshop.total": 1, "webshop.price": 3}
    assert calls(records, others[1]) == {"webshop.total": 1, "webshop.price": 3}
    assert b"1 other request ran beside this one" in get(app, others[1].report).body
    go_on.set()
    slow.join()
    assert calls(records, found[0]) == {"webshop.total": 2, "webshop.price": 7}
    assert not list(records.glob("*.running"))
    shown = get(app, found[0].report).body
    assert b"7 other requests ran beside this one" in shown


def test_a_request_alone_has_what_its_threads_did(shop: Any, records: Path) -> None:
    def work() -> str:
        thread = threading.Thread(target=shop.total, args=(6,))
        thread.start()
        thread.join()
        return "x"

    app = prof.wsgi(page(work), secret=SECRET, directory=str(records))
    found = get(app, "/a", x_prof=SECRET)
    assert calls(records, found) == {"webshop.total": 1, "webshop.price": 6}
    assert b"no other request ran meanwhile" in get(app, found.report).body


def tasks(shop: Any) -> Any:
    """An ASGI application whose requests take turns."""

    async def gate(n: int) -> None:
        await asyncio.sleep(0)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for n in range(int(scope["path"][1:])):
            await shop.stock(n, gate)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", HTML.encode())]})
        await send({"type": "http.response.body", "body": b"<p>", "more_body": True})
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"x"})

    return application


def test_tasks_that_take_turns_do_not_mix(shop: Any, records: Path) -> None:
    app = prof.asgi(tasks(shop), secret=SECRET, directory=str(records))

    async def main() -> list[Response]:
        return await asyncio.gather(ask(app, "/9"), ask(app, "/5", x_prof=SECRET), ask(app, "/8"), ask(app, "/7"))

    responses = asyncio.run(main())
    assert {each.body for each in responses} == {b"<p>x"}
    assert calls(records, responses[1]) == {"webshop.stock": 5, "webshop.price": 5}
    shown = asyncio.run(ask(app, responses[1].report))
    assert shown.status == 200 and b"3 other requests ran beside this one" in shown.body


def test_tasks_that_are_all_recorded_have_each_its_own_calls(shop: Any, records: Path) -> None:
    app = prof.asgi(tasks(shop), secret=SECRET, directory=str(records))
    numbers = [9, 5, 8, 5, 7]

    async def main() -> list[Response]:
        return await asyncio.gather(*(ask(app, f"/{n}", x_prof=SECRET) for n in numbers))

    for number, response in zip(numbers, asyncio.run(main()), strict=True):
        assert calls(records, response) == {"webshop.stock": number, "webshop.price": number}
    assert shop.total.__code__.co_name == "total" and not list(records.glob("*.running"))


def test_one_recording_has_so_many_requests_at_most(shop: Any, records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prof.tools.integrations.requests.MOST_SHARING", 2)
    app = prof.asgi(tasks(shop), secret=SECRET, directory=str(records))

    async def main() -> list[Response]:
        return await asyncio.gather(*(ask(app, f"/{n}", x_prof=SECRET) for n in (6, 6, 6)))

    *recorded, last = asyncio.run(main())
    assert [calls(records, each)["webshop.stock"] for each in recorded] == [6, 6]
    assert last.headers["X-Prof-Note"] == (
        "other requests have been recorded together for long: ask again when they have ended"
    )
    assert last.body == b"<p>x"


def test_a_task_alone_has_what_its_tasks_and_threads_did(shop: Any, records: Path) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.gather(asyncio.to_thread(shop.total, 3), asyncio.create_task(asyncio.to_thread(shop.price, 1)))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    app = prof.asgi(application, secret=SECRET, directory=str(records))
    found = asyncio.run(ask(app, "/a", x_prof=SECRET))
    assert calls(records, found) == {"webshop.total": 1, "webshop.price": 4}


# ---- ASGI ----


def test_asgi_puts_a_link_behind_a_page(shop: Any, records: Path) -> None:
    app = prof.asgi(tasks(shop), open_to_all=True, directory=str(records))
    plain, found = asyncio.run(ask(app, "/2")), asyncio.run(ask(app, "/2?prof"))
    assert found.body.startswith(plain.body) and found.report.encode() in found.body[len(plain.body) :]
    assert asyncio.run(ask(app, "/2?prof", "HEAD")).body == plain.body
    assert b"GET /2" in asyncio.run(ask(app, "/__prof__/")).body


def test_asgi_takes_the_secret_by_a_form(shop: Any, records: Path) -> None:
    app = prof.asgi(tasks(shop), secret=SECRET, directory=str(records))
    form = f"secret={SECRET.replace(' ', '+')}".encode()
    cookie = asyncio.run(ask(app, "/__prof__/", "POST", form)).headers["Set-Cookie"].partition(";")[0]
    assert "X-Prof-Report" in asyncio.run(ask(app, "/1?prof", cookie=cookie)).names
    assert "X-Prof-Report" not in asyncio.run(ask(app, "/1?prof")).names
    assert asyncio.run(ask(app, "/__prof__/", "POST", b"secret=no")).status == 403


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_scopes_are_handed_on_as_they_are(kind: str, records: Path) -> None:
    seen: list[Any] = []

    async def application(*arguments: Any) -> None:
        seen.extend(arguments)

    async def channel(*_: Any) -> Any: ...

    scope = {"type": kind}
    app = prof.asgi(application, open_to_all=True, every=1, directory=str(records))
    asyncio.run(app(scope, channel, channel))  # type: ignore[arg-type]
    assert seen[0] is scope and seen[1] is channel and seen[2] is channel


def test_errors_and_cancellations_reach_a_recorded_task(shop: Any, records: Path) -> None:
    events: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            if scope["path"] == "/fails":
                await send(
                    {"type": "http.response.start", "status": 500, "headers": [(b"content-type", HTML.encode())]}
                )
                raise KeyError("gone")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    app = prof.asgi(application, open_to_all=True, directory=str(records))

    async def cancelled() -> None:
        task = asyncio.ensure_future(ask(app, "/waits?prof"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with pytest.raises(KeyError, match="gone"):
        asyncio.run(ask(app, "/fails?prof"))
    asyncio.run(cancelled())
    assert events == ["cancelled"]
    assert len(list(records.glob("*/about.json"))) == 2


def test_the_beginning_of_a_response_is_sent_before_an_error(shop: Any, records: Path) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", HTML.encode()), (b"content-length", b"9")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        raise KeyError("gone")

    app, sent = prof.asgi(application, open_to_all=True, directory=str(records)), []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"prof", "headers": []}
    with pytest.raises(KeyError):
        asyncio.run(app(scope, None, send))  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["http.response.start"]


# ---- beside another recording ----


def test_a_recording_that_runs_has_the_request_as_a_span(shop: Any, records: Path, tmp_path: Path) -> None:
    app = prof.wsgi(page(lambda: shop.total(5)), secret=SECRET, directory=str(records))
    with prof.enable_profiling(f"time,{tmp_path / 'whole'}") as enabled:
        found = get(app, "/a", x_prof=SECRET)
    assert "recorded as a whole" in found.headers["X-Prof-Note"]
    (path,) = (file for file in enabled.files if file.suffix == ".capture")
    with open_capture(path) as capture:
        names = {f.label.name for f in capture.functions(capture.tree())}
    assert "request!GET /a" in names
    assert not records.exists() or not os.listdir(records)
