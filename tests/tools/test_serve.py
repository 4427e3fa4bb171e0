"""`prof serve`: what it answers, to whom, and what a browser makes of it."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import dump_dom
from capture_files import FUNCTION, File, Label, Node, Thread
from html_page import needs_browser
from prof.errors import UsageError
from prof.tools.serve.pages import ident_of
from prof.tools.serve.server import HOST, Server

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"


def capture(path: Path, calls: int, name: str = "app.work") -> Path:
    labels, nodes = [Label(FUNCTION, name, "app", "app.py", 3)], [Node(-1, -1), Node(0, 0, calls, 9000)]
    path.write_bytes(File(labels, [Thread("main", nodes)], {"name": name, "modes": ["time"]}).build())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("served")
    capture(found / "one.capture", 5)
    capture(found / "two.capture", 8)
    capture(found / "odd<b>&'.capture", 8, HOSTILE)
    (found / "bad.capture").write_bytes(b"nothing")
    (found / "secret.txt").write_text("secret")
    return found


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with Server(folder) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def get(server: Server, path: str, host: str = "") -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=30)
    connection.request("GET", path, headers={"Host": host or f"{HOST}:{server.server_port}"})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return found


def test_only_who_has_the_key_and_means_this_machine_is_answered(server: Server) -> None:
    assert get(server, f"/{server.key}/")[0] == 200
    assert get(server, "/")[0] == get(server, f"/{server.key[:-1]}x/")[0] == get(server, "/é/".encode().hex())[0] == 404
    assert get(server, f"/{server.key}/", "evil.example:80")[0] == 404
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.key) >= 32


def test_nothing_but_captures_of_the_folder_is_opened(server: Server, folder: Path) -> None:
    for name in ("secret.txt", "../served0/one.capture", str(folder / "one.capture"), ""):
        status, text, _ = get(server, f"/{server.key}/page?c={name}")
        assert status == 422 and "secret" not in text
    assert get(server, f"/{server.key}/secret.txt")[0] == 404
    assert get(server, f"/{server.key}/page/../secret.txt")[0] == 404
    bad = ident_of(folder / "bad.capture")
    assert get(server, f"/{server.key}/page?c={bad}")[0] == 422


def test_every_answer_forbids_loading_anything(server: Server, folder: Path) -> None:
    one, two = (ident_of(folder / f"{name}.capture") for name in ("one", "two"))
    for path in ("", f"page?c={one}", f"diff?old={one}&new={two}", "nothing"):
        _, text, headers = get(server, f"/{server.key}/{path}")
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy
        assert ("script-src" in policy) is path.startswith(("page", "diff"))
        assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
        assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)


def test_two_are_compared_and_several_are_one(server: Server, folder: Path) -> None:
    one, two = (ident_of(folder / f"{name}.capture") for name in ("one", "two"))
    status, text, _ = get(server, f"/{server.key}/diff?old={one}&new={two}")
    assert status == 200 and "+3" in re.sub(r"<[^>]+>", "", text)
    assert get(server, f"/{server.key}/diff?old={one}&new=nothing")[0] == 422
    status, text, _ = get(server, f"/{server.key}/page?c={one}&c={two}")
    assert status == 200 and "2 processes" in text


@needs_browser
def test_a_browser_shows_the_list_and_the_page_and_hostile_names_do_nothing(server: Server, folder: Path) -> None:
    shown = dump_dom(server.address)
    assert "<title>Captures</title>" in shown and shown.count('type="radio"') == 8
    assert "<img" not in shown and "<script" not in shown
    page = dump_dom(f"{server.address}page?c={ident_of(folder / chr(111))}")
    assert "no such capture" in page
    odd = next(path for path in folder.glob("odd*"))
    page = dump_dom(f"{server.address}page?c={ident_of(odd)}")
    assert "<title>taken" not in page and "<img src" not in page and "onerror" in page


def test_the_command_prints_the_address_and_ends_when_it_is_told_to(folder: Path) -> None:
    command = [sys.executable, "-m", "prof", "serve", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/\n", process.stdout.readline())
        assert "Ctrl-C" in process.stderr.readline()
        process.send_signal(2)
        assert process.wait(30) == 0
    wrong = subprocess.run([*command[:-1], "nowhere"], capture_output=True, text=True, timeout=60)
    assert (wrong.returncode, wrong.stderr) == (3, "prof: nowhere is not a folder\n")


def test_a_port_that_is_taken_is_one_line(server: Server, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be had: .*; --port 0 takes a free one"):
        Server(folder, server.server_port)
