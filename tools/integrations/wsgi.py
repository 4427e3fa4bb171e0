"""WSGI: an application, one of whose requests is recorded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from prof.own_imports import own_imports, own_work
from prof.tools.integrations import exchange
from prof.tools.integrations.requests import HEADER, Options, Record, Requests

if TYPE_CHECKING:
    from typing import Unpack

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
Application: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
_HEADER = "HTTP_" + HEADER.upper().replace("-", "_")


def wsgi(app: Application, **options: Unpack[Options]) -> Application:
    """The application, with requests that can be recorded: `app = prof.wsgi(app, secret=…)`. See docs/web.md.

    A request is recorded that has the secret in its header X-Prof, or `?prof` in its address from a browser that has
    given the secret below `/__prof__/`, or one in `every`. Options are those of `Options`. Without a secret, without
    PROF_SECRET in the environment, `open_to_all` and `every`, this returns the application itself.
    """
    requests = Requests(**options)
    return Wsgi(app, requests) if requests.enabled else app


class Wsgi:
    """The middleware. What it does not record, it hands on as it is."""

    def __init__(self, app: Application, requests: Requests) -> None:
        self.app = app
        self.requests = requests

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        requests = self.requests
        chance, record = requests.chance(), None
        asked = None
        if chance or requests.concerns(
            environ.get("PATH_INFO") or "", environ.get("QUERY_STRING") or "", environ.get(_HEADER)
        ):
            asked = _asked(environ)
            if exchange.is_ours(requests, asked):
                return _answer(requests, asked, environ, start_response)
        requests.enter()
        if asked is not None:
            record = exchange.begun(requests, asked, chance)
        return _Response(self, asked, record).begin(environ, start_response)


class _Response:
    """A response that is being made: the iterable that the server gets. It counts as running until it is closed."""

    def __init__(self, of: Wsgi, asked: exchange.Asked | None, record: Record | None) -> None:
        self._app, self._requests, self._asked, self._record = of.app, of.requests, asked, record
        self._blocks: Any = ()
        self._steps: Iterator[bytes] | None = None
        self._behind = b""
        self._left = False

    def begin(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        record = self._record
        try:
            if record is None:
                self._blocks = self._app(environ, start_response)
            else:
                self._blocks = record.run(self._app, environ, lambda *args: self._start(start_response, *args))
        except BaseException:
            self._end()
            raise
        if record is None and self._is_ready(environ):
            self._end()
            return self._blocks  # type: ignore[no-any-return]
        return _Sized(self) if hasattr(self._blocks, "__len__") else self

    def _is_ready(self, environ: Environ) -> bool:
        """Whether nothing of the application runs any more: of a list, or a file, which servers send in ways of their
        own."""
        file = environ.get("wsgi.file_wrapper")
        return not hasattr(self._blocks, "close") or (isinstance(file, type) and isinstance(self._blocks, file))

    def _start(self, start_response: StartResponse, status: str, headers: Any, *more: Any) -> Any:
        assert self._record is not None and self._asked is not None
        number = int(status[:3]) if status[:3].isdecimal() else 0
        with own_work(), own_imports():
            found = exchange.marked(self._requests, self._asked, self._record, number, headers)
            added = exchange.longer(headers, found)
        self._behind = found.behind
        return start_response(status, added, *more)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._steps is None:
                self._steps = self._run(iter, self._blocks)
            block: bytes = self._run(next, self._steps)
            return block
        except StopIteration:
            behind, self._behind = self._behind, b""
            if not behind:
                raise
            return behind

    def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._record.run(function, *arguments) if self._record is not None else function(*arguments)

    def close(self) -> None:
        """Closes the application's response. Servers call it in any case, after a disconnect too."""
        try:
            close = getattr(self._blocks, "close", None)
            if close is not None:
                self._run(close)
        finally:
            self._end()

    def _end(self) -> None:
        if not self._left:
            self._left = True
            self._requests.leave()
            if self._record is not None:
                self._record.end()

    def __del__(self) -> None:
        self._end()  # of a server that does not close


class _Sized:
    """The same of a response that has a length: servers conclude from one block how long it is."""

    def __init__(self, response: _Response) -> None:
        self._response = response
        self.close = response.close

    def __len__(self) -> int:
        return len(self._response._blocks) + bool(self._response._behind)

    def __iter__(self) -> Iterator[bytes]:
        return self._response


def _asked(environ: Environ) -> exchange.Asked:
    def text(name: str) -> str:
        # As the specification has it: bytes, of which each is a character.
        return str(environ.get(name) or "").encode("latin-1", "replace").decode("utf-8", "replace")

    return exchange.Asked(
        method=str(environ.get("REQUEST_METHOD", "GET")),
        root=text("SCRIPT_NAME"),
        path=text("PATH_INFO"),
        query=str(environ.get("QUERY_STRING") or ""),
        header=environ.get(_HEADER),
        cookies=str(environ.get("HTTP_COOKIE") or ""),
        secure=environ.get("wsgi.url_scheme") == "https",
    )


def _answer(requests: Requests, asked: exchange.Asked, environ: Environ, start_response: StartResponse) -> list[bytes]:
    """One of our own pages."""
    if asked.method == "POST":
        length = str(environ.get("CONTENT_LENGTH") or "0")
        size = min(int(length), exchange.LONGEST_FORM) if length.isdecimal() else 0
        asked = exchange.with_body(asked, environ["wsgi.input"].read(size))
    found = exchange.answer(requests, asked)
    body = found.text.encode("utf-8")
    headers = [*found.headers, ("Content-Length", str(len(body)))]
    start_response(f"{found.status.value} {found.status.phrase}", headers)
    return [] if asked.method == "HEAD" else [body]
