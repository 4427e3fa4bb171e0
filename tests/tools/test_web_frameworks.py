"""The middleware around Django, and below gevent, whose requests take turns within one thread: each record has its own
request's calls, exactly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from running import environment

SECRET = "a secret of some length"
SHOP = """
def price(n):
    return n * 2

def total(items, gate):
    found = 0
    for n in range(items):
        gate(n)
        found += price(n)
    return found
"""
ASK = """
import io, json, sys
from pathlib import Path
from urllib.parse import urlsplit
import prof, shop
from prof.capture import open_capture

SECRET = sys.argv[1]
def get(app, path, recorded=True):
    parts = urlsplit(path)
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": parts.path, "QUERY_STRING": parts.query,
               "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0),
               "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
               "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False}
    if recorded:
        environ["HTTP_X_PROF"] = SECRET
    sent = []
    blocks = app(environ, lambda status, headers, *more: sent.append((status, dict(headers))))
    body = b"".join(blocks)
    if hasattr(blocks, "close"):
        blocks.close()
    return sent[0][0][:3], sent[0][1], body.decode()

def calls(headers):
    from prof.tools.integrations import pages
    folder = Path("records") / urlsplit(headers["X-Prof-Report"]).path.rpartition("/")[2]
    (path,) = folder.glob("*.capture")
    with open_capture(path) as capture:
        pages._narrow(capture, json.loads((folder / "about.json").read_text()))
        return {f.label.name: f.calls for f in capture.functions(capture.tree()) if f.label.module == "shop"}
"""
GEVENT = (
    ASK
    + """
import gevent, greenlet
def application(environ, start_response):
    items = int(environ["PATH_INFO"][1:])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % shop.total(items, lambda n: gevent.sleep(0))]
app = prof.wsgi(application, secret=SECRET, directory="records")
numbers = [7, 3, 9, 3, 5]
jobs = [gevent.spawn(get, app, f"/{n}", n != 5) for n in numbers]
gevent.joinall(jobs)
print(json.dumps([[body, calls(headers) if n != 5 else len(headers)]
                  for n, (_, headers, body) in zip(numbers, (job.get() for job in jobs))]))
"""
)
DJANGO = (
    ASK
    + """
import asyncio, types, django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

def plain(request, items):
    return HttpResponse(f"<html><body>{shop.total(items, id)}</body></html>")
def streamed(request, items):
    return StreamingHttpResponse(str(shop.total(n, id)) for n in range(items))
async def turning(request, items):
    found = 0
    for n in range(items):
        await asyncio.sleep(0)
        found += shop.price(n)
    return HttpResponse(str(found))
def broken(request):
    raise ValueError("its own")
urls = types.ModuleType("urls")
urls.urlpatterns = [path("plain/<int:items>", plain), path("stream/<int:items>", streamed),
                    path("turning/<int:items>", turning), path("broken", broken)]
sys.modules["urls"] = urls
settings.configure(ROOT_URLCONF="urls", SECRET_KEY="x", ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)
app = prof.wsgi(get_wsgi_application(), secret=SECRET, directory="records")
found = [get(app, "/plain/4"), get(app, "/stream/3"), get(app, "/broken")]

async def ask(app, path):
    sent = []
    async def receive():
        await asyncio.sleep(3600)
    async def send(message):
        sent.append(message)
    async def first():
        return {"type": "http.request", "body": b"", "more_body": False}
    given = iter([first, receive])
    await app({"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
               "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
               "headers": [(b"host", b"localhost"), (b"x-prof", SECRET.encode())]}, lambda: next(given)(), send)
    headers = {name.decode().title(): value.decode() for name, value in sent[0]["headers"]}
    return str(sent[0]["status"]), headers, b"".join(each.get("body", b"") for each in sent[1:]).decode()

async def both():
    app = prof.asgi(get_asgi_application(), secret=SECRET, directory="records")
    beside = await asyncio.gather(ask(app, "/turning/6"), ask(app, "/turning/2"))
    return [*beside, await ask(app, "/plain/5")]
found += asyncio.run(both())
print(json.dumps([[status, body[:40], calls(headers)] for status, headers, body in found]))
"""
)


def told(folder: Path, source: str) -> object:
    """What a program of the project prints."""
    (folder / "pyproject.toml").write_text("")
    (folder / "shop.py").write_text(SHOP)
    (folder / "app.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "app.py", SECRET], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def made(items: int) -> dict[str, int]:
    return {"shop.total": 1, "shop.price": items}


def test_greenlets_that_take_turns_do_not_mix(tmp_path: Path) -> None:
    found = told(tmp_path, GEVENT)
    assert found == [["42", made(7)], ["6", made(3)], ["72", made(9)], ["6", made(3)], ["20", 1]]


def test_django_is_recorded_by_either_way_in(tmp_path: Path) -> None:
    found = told(tmp_path, DJANGO)
    assert isinstance(found, list)
    plain, streamed, broken, six, two, thread = found
    assert plain == ["200", "<html><body>12</body></html>", made(4)]
    assert streamed == ["200", "002", {"shop.total": 3, "shop.price": 3}]
    assert (broken[0], broken[2]) == ("500", {})
    assert six == ["200", "30", {"shop.price": 6}]
    assert two == ["200", "2", {"shop.price": 2}]
    assert thread[2] == made(5)  # alone: in a thread of a pool, as its views that are not `async` are
