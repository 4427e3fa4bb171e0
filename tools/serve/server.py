"""The server: for this machine alone, and for who knows the address, which has a key in it."""

from __future__ import annotations

import hmac
import secrets
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prof.errors import ProfError, UsageError
from prof.tools.serve.pages import Pages, message, parts

HOST = "127.0.0.1"
# Nothing is loaded from anywhere, and nobody is told the address.
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; {}img-src data:; form-action 'self'; frame-ancestors 'none'"
_SCRIPTS = "script-src 'unsafe-inline'; "


class Server(ThreadingHTTPServer):
    """Serves the captures of a folder at `address`."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.pages = Pages(folder)
        self.making = threading.Lock()  # a capture is read by one thread at a time
        self.key = secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            raise UsageError(
                f"port {port} of {HOST} cannot be had: {error.strerror}; --port 0 takes a free one"
            ) from None
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}/{self.key}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that has gone away is no error; anything else is said in a line."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            print(f"prof: a page could not be made: {error!r}", file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """A request."""

    server: Server
    server_version, sys_version = "prof", ""
    timeout = 30

    def do_GET(self) -> None:
        """Answers, if the address has the key and the request was meant for this machine."""
        found = urlsplit(self.path)
        _, key, *rest = [*found.path.split("/", 2), "", ""]
        known = hmac.compare_digest(key.encode("utf-8", "replace"), self.server.key.encode())
        # A name that somebody points at this machine is another host.
        if not known or self.headers.get("Host") not in self.server.hosts:
            self._send(HTTPStatus.NOT_FOUND, message("There is nothing here."), scripts=False)
            return
        words = parse_qs(found.query, errors="surrogateescape")
        pages = self.server.pages
        routes: dict[str, tuple[Callable[[], str], bool]] = {
            "": (pages.index, False),
            "page": (lambda: pages.page(words.get("c", [])), True),
            "diff": (lambda: pages.difference(words.get("old", [""])[0], words.get("new", [""])[0]), True),
        }
        if rest[0] not in routes:
            self._send(HTTPStatus.NOT_FOUND, message("There is no such page."), scripts=False)
            return
        make, scripts = routes[rest[0]]
        try:
            with self.server.making:
                text = make()
        except ProfError as error:
            self._send(HTTPStatus.UNPROCESSABLE_ENTITY, message(str(error)), scripts=False)
            return
        self._send(HTTPStatus.OK, text, scripts)

    do_HEAD = do_GET

    def _send(self, status: HTTPStatus, text: str, scripts: bool) -> None:
        body = list(parts(text))
        self.send_response(status)
        for name, value in HEADERS:
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", _POLICY.format(_SCRIPTS if scripts else ""))
        self.send_header("Content-Length", str(sum(map(len, body))))
        self.end_headers()
        if self.command != "HEAD":
            for part in body:
                self.wfile.write(part)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the address has the key in it."""
