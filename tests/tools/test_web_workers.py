"""Servers and pools whose workers come and go: what all of them did is one report, to the last call.

The oracle is a file to which the application appends a byte in each call that is counted. The commands are those of
docs/web.md.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prof.many import open_captures
from prof.runs import newest_run
from running import PROF, environment

ROOT = Path(__file__).resolve().parents[2]
SHOP = """
import os

def price(n):
    with open("calls.log", "ab", buffering=0) as file:
        file.write(b".")
    return n * 2

def wsgi(environ, start_response):
    price(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        price(1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % os.getpid()})
"""
JOBS = """
import celery
import shop

folder = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
app = celery.Celery("jobs", broker="filesystem://", backend="file://results")
app.conf.update(broker_transport_options=folder, broker_connection_retry_on_startup=True)

@app.task
def total(n):
    return sum(shop.price(k) for k in range(n))
"""
GUNICORN = "-m gunicorn --no-control-socket --workers 2 --bind 127.0.0.1:{port}"
UVICORN = "-m uvicorn --workers 2 --port {port} --limit-max-requests 15 shop:asgi"
CELERY = "-m celery -A jobs worker --concurrency 2 --max-tasks-per-child 5 --loglevel WARNING"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "jobs.py").write_text(JOBS)
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    return tmp_path


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(project: Path, *command: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server, until the end of the block; then it is asked to end in order, and does."""
    log = project / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=project, stdout=out, stderr=subprocess.STDOUT, env=environment(HOME=str(project), **variables)
        )
    try:
        yield server
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) in (0, -signal.SIGTERM), log.read_text()
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def request(port: int, attempts: int = 200) -> str:
    """Asks until there is an answer: while workers come and go, connections are refused or reset."""
    for _ in range(attempts):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.1)
    raise AssertionError("no answer")


def requests(port: int, number: int) -> set[str]:
    """Asks so often, four at a time; the processes that answered."""
    found: list[str] = []

    def some() -> None:
        found.extend(request(port) for _ in range(number // 4))

    threads = [threading.Thread(target=some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == number // 4 * 4
    return set(found)


def recorded(project: Path) -> tuple[int, int]:
    """Of the newest run as one report: the calls of `price`, and how many processes there were."""
    paths, left_out = newest_run(str(project))
    assert left_out == []
    assert len(paths) == len(list(project.glob("*.capture")))
    with open_captures(paths, strict=True) as capture:
        functions = capture.functions(capture.tree())
        return sum(f.calls for f in functions if f.label.name.endswith("shop.price")), len(paths)


def called(project: Path) -> int:
    return (project / "calls.log").stat().st_size


@pytest.mark.parametrize(
    "options",
    ["--preload", "--max-requests 15", "--threads 4 --max-requests 15"],
    ids=["sync after loading", "sync that restart", "threads that restart"],
)
def test_the_workers_of_gunicorn_end_in_one_report(project: Path, options: str) -> None:
    pytest.importorskip("gunicorn", reason="the test extra brings it")
    port = free_port()
    words = shlex.split(GUNICORN.format(port=port)) + shlex.split(options)
    with running(project, *PROF, "run", "--modes", "time", *words, "shop:wsgi") as server:
        before = requests(port, 60)
        server.send_signal(signal.SIGHUP)
        after = requests(port, 60)
        while after <= before:
            after |= requests(port, 4)
    calls, processes = recorded(project)
    assert calls == called(project) >= 120
    assert processes > len(before | after)  # the master is one, too


def test_marked_source_is_recorded_in_the_workers_of_gunicorn(project: Path) -> None:
    pytest.importorskip("gunicorn", reason="the test extra brings it")
    code = "from prof.instrument.cli import instrument_main as main; raise SystemExit(main())"
    subprocess.run([sys.executable, "-c", code, "shop.py"], cwd=project, check=True, capture_output=True)
    assert "@profiled" in (project / "shop.py").read_text()
    port = free_port()
    words = shlex.split(GUNICORN.format(port=port))
    with running(project, sys.executable, *words, "--max-requests", "15", "shop:wsgi", PROF="time") as server:
        requests(port, 40)
        server.send_signal(signal.SIGHUP)
        requests(port, 40)
    calls, _ = recorded(project)
    assert calls == called(project) >= 80


def test_the_workers_of_uvicorn_end_in_one_report(project: Path) -> None:
    pytest.importorskip("uvicorn", reason="the test extra brings it")
    port = free_port()
    with running(project, *PROF, "run", "--modes", "time", *shlex.split(UVICORN.format(port=port))) as server:
        before = requests(port, 60)
        server.send_signal(signal.SIGHUP)
        after = requests(port, 4)
        while after <= before:
            after |= requests(port, 4)
    calls, processes = recorded(project)
    assert calls == called(project) >= 64
    assert processes > len(before | after)


def test_the_pool_of_celery_ends_in_one_report(project: Path) -> None:
    pytest.importorskip("celery", reason="the test extra brings it")
    code = "from jobs import total; print(sum(each.get(timeout=60) for each in [total.delay(3) for _ in range(30)]))"
    with running(project, *PROF, "run", "--modes", "time", *shlex.split(CELERY)):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.stdout == "180\n", done.stderr + (project / "server.log").read_text()
    calls, processes = recorded(project)
    assert calls == called(project) == 90
    assert processes >= 7  # five tasks each, and the one that hands them out


def test_a_worker_of_a_server_with_middleware_records_its_requests(project: Path) -> None:
    """Any worker shows the page that another one has recorded."""
    pytest.importorskip("gunicorn", reason="the test extra brings it")
    (project / "store.py").write_text("import prof, shop\napp = prof.wsgi(shop.wsgi, directory='records')\n")
    secret, port = "a secret of some length", free_port()
    words = shlex.split(GUNICORN.format(port=port))
    with running(project, sys.executable, *words, "--threads", "2", "store:app", PROF_SECRET=secret):
        request(port)
        address = f"http://127.0.0.1:{port}"
        asked = urllib.request.Request(address, headers={"X-Prof": secret})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            link = answer.headers["X-Prof-Report"]
        for _ in range(8):
            with urllib.request.urlopen(address + link, timeout=30) as answer:
                assert b"shop.price" in answer.read()
    assert os.listdir(project / "records")
