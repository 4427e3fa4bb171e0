"""ASGI: an application, one of whose requests is recorded when it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from prof.own_imports import own_imports, own_work
from prof.tools.integrations import exchange
from prof.tools.integrations.requests import Options, Record, Requests

if TYPE_CHECKING:
    from typing import Unpack

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def asgi(app: Application, **options: Unpack[Options]) -> Application:
    """The application, with requests that can be recorded: `app = prof.asgi(app, secret=…)`. See docs/web.md.

    Options, and when they make this return the application itself, are those of `prof.wsgi`. Web sockets and the
    lifespan of the application are handed on as they are.
    """
    requests = Requests(**options)
    return Asgi(app, requests) if requests.enabled else app


class Asgi:
    """The middleware. What it does not record, it hands on as it is."""

    def __init__(self, app: Application, requests: Requests) -> None:
        self.app = app
        self.requests = requests

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        requests = self.requests
        chance = requests.chance()
        if not chance and not _concerns(requests, scope):
            await self._unrecorded(scope, receive, send)
            return
        asked = _asked(scope)
        if exchange.is_ours(requests, asked):
            await _answer(requests, asked, receive, send)
            return
        requests.enter()
        record = None
        try:
            record = exchange.begun(requests, asked, chance)
            if record is None:
                await self.app(scope, receive, send)
            else:
                await self._recorded(_Response(requests, asked, record, send), scope, receive)
        finally:
            requests.leave()
            if record is not None:
                record.end()

    async def _unrecorded(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.requests.enter()
        try:
            await self.app(scope, receive, send)
        finally:
            self.requests.leave()

    async def _recorded(self, response: _Response, scope: MutableMapping[str, Any], receive: Receive) -> None:
        try:
            await _Steps(response.record, self.app, scope, receive, response.send)
        finally:
            await response.flush()


class _Steps:
    """Awaits the application. Each of its steps is one of the request's own: between two of them, other tasks run."""

    def __init__(self, record: Record, app: Application, *arguments: Any) -> None:
        self._run = record.run
        self._steps = record.run(_awaited, app, *arguments)

    def __await__(self) -> _Steps:
        return self

    def __iter__(self) -> _Steps:
        return self

    def __next__(self) -> Any:
        return self._run(next, self._steps)

    def send(self, value: Any) -> Any:
        return self._run(self._steps.send, value)

    def throw(self, *error: Any) -> Any:
        return self._run(self._steps.throw, *error)

    def close(self) -> None:
        self._run(self._steps.close)


def _awaited(app: Application, *arguments: Any) -> Any:
    found: Any = app(*arguments)
    return found.__await__() if hasattr(found, "__await__") else found  # a generator that can be awaited


class _Response:
    """What the application sends, on its way to the server. A response that gets a link begins with its first part:
    only then is it known that it has one."""

    def __init__(self, requests: Requests, asked: exchange.Asked, record: Record, send: Send) -> None:
        self.record = record
        self._requests, self._asked, self._send = requests, asked, send
        self._start: Message | None = None
        self._behind = b""

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            await self._begin(message)
            return
        if kind != "http.response.body":
            self._behind = b""
        await self.flush()
        if self._behind and not message.get("more_body", False):
            message = {**message, "body": message.get("body", b"") + self._behind}
            self._behind = b""
        await self._send(message)

    async def _begin(self, message: Message) -> None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
        with own_work(), own_imports():
            found = exchange.marked(self._requests, self._asked, self.record, message["status"], headers)
        if message.get("trailers", False):
            found = exchange.Marked(found.headers)
        self._plain, self._linked = self._with(message, headers, exchange.Marked(found.headers)), found.behind
        self._start = self._with(message, headers, found)
        self._behind = found.behind
        if not found.behind:
            await self.flush()

    def _with(self, message: Message, headers: exchange.Headers, more: exchange.Marked) -> Message:
        longer = exchange.longer(headers, more)
        return {**message, "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in longer]}

    async def flush(self) -> None:
        """Sends the beginning, if it waits."""
        start, self._start = self._start, None
        if start is not None:
            await self._send(start if self._behind == self._linked else self._plain)


def _concerns(requests: Requests, scope: MutableMapping[str, Any]) -> bool:
    path, query = str(scope["path"]), bytes(scope.get("query_string") or b"").decode("latin-1")
    header = exchange.HEADER.lower().encode()
    known = next((str(value) for name, value in scope.get("headers", ()) if name == header), None)
    return requests.concerns(path.removeprefix(str(scope.get("root_path") or "")), query, known)


def _asked(scope: MutableMapping[str, Any]) -> exchange.Asked:
    headers = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in scope.get("headers", ())}
    root, path = str(scope.get("root_path") or ""), str(scope["path"])
    cookies = [bytes(v).decode("latin-1") for name, v in scope.get("headers", ()) if bytes(name).lower() == b"cookie"]
    return exchange.Asked(
        method=str(scope["method"]),
        root=root,
        path=path.removeprefix(root) if root and path.startswith(root) else path,
        query=bytes(scope.get("query_string") or b"").decode("latin-1"),
        header=headers.get(exchange.HEADER.lower().encode()),
        cookies="; ".join(cookies),
        secure=scope.get("scheme") == "https",
    )


async def _answer(requests: Requests, asked: exchange.Asked, receive: Receive, send: Send) -> None:
    """One of our own pages."""
    if asked.method == "POST":
        asked = exchange.with_body(asked, await _body(receive))
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # another library's
        found = exchange.answer(requests, asked)
    else:
        found = await loop.run_in_executor(None, exchange.answer, requests, asked)
    body = found.text.encode("utf-8")
    headers = [*found.headers, ("Content-Length", str(len(body)))]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": found.status.value, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if asked.method == "HEAD" else body})


async def _body(receive: Receive) -> bytes:
    found = b""
    while len(found) < exchange.LONGEST_FORM:
        message = await receive()
        found += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    return found[: exchange.LONGEST_FORM]
