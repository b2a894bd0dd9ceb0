"""A proxy between the browser and nginx that sees every request, and can make some of them fail.

It speaks HTTP/1.1 over TLS to the browser, with the site's own certificate, and asks nginx over a
connection of its own. Chromium resolves the site's host and port to this proxy, so origins, cookies
and the Host header are the same as without it.

It also answers by itself: for every name that is not in `names`, with an empty page and the headers
in `foreign_headers`, and for the paths in `pages`. Playwright's own interception cannot be used for
this, because it would answer preflights in the site's place.

`plan` decides for each request what goes wrong. If an answer is dropped, the connection is closed
without a byte; on a reused connection Chromium then sends the POST again by itself, up to seven times.
`too_late` is called just before a request goes to nginx and just before its answer goes out. It can
replace either by a 502, so a test can limit how long a request takes at the place that matters.
"""

import asyncio
import contextlib
import dataclasses
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable

EMPTY = b"<!doctype html><html lang=en><title>test</title><body><main></main>"
# Other sites allow everything, so that what is not sent to them was not sent for our reasons.
FOREIGN = {"Content-Type": "text/html", "Access-Control-Allow-Origin": "*",
           "Access-Control-Allow-Headers": "*, Authorization", "Access-Control-Allow-Methods": "*"}


@dataclasses.dataclass
class Seen:
    """One request as it came in; `status` is what nginx answered, None if it was not asked.

    The times, of the monotonic clock: it came in, nginx was asked, nginx answered, the answer was
    sent or lost.
    """
    method: str
    path: str
    headers: http.client.HTTPMessage
    body: bytes
    came: float = dataclasses.field(default_factory=time.monotonic)
    asked: float | None = None
    answered: float | None = None
    left: float | None = None
    fault: str = ""
    status: int | None = None
    answer: http.client.HTTPMessage | None = None
    content: bytes = b""
    copies: int = 0


@dataclasses.dataclass
class Fault:
    """What to do to one request; times in seconds."""
    name: str = ""
    before: float = 0          # wait before asking nginx
    until: Callable[[], bool] | None = None   # … or until this is so
    copies: int = 1            # how often nginx is asked
    use: int = 0               # which of the copies' answers is sent
    after: float = 0           # wait before answering
    swap: float = 0            # hold the answer until a later one of this path is out, or so long
    lose: str = ""             # "request": close unasked; "answer": ask, close; "body": cut it off
    instead: tuple | None = None   # (status, headers, body) without asking nginx


class FaultProxy:
    """Runs in a thread of its own; close() ends it."""

    def __init__(self, site, plan=None):
        self.site, self.seen, self.foreign, self.pages = site, [], [], {}
        self.names, self.foreign_headers = {f"localhost:{site.port}"}, {}
        self.plan = plan or (lambda request: Fault())
        self.too_late = lambda request: False
        self._later = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    # For tests

    def of(self, path, method=None):
        """The requests of a path so far, without its query."""
        return [each for each in list(self.seen) if each.path.split("?")[0] == path
                and method in (None, each.method)]

    def clear(self):
        self.seen.clear()
        self.foreign.clear()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # The loop

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_tls.load_cert_chain(self.site.dir / "tls/cert.pem", self.site.dir / "tls/key.pem")
        server_tls.set_alpn_protocols(["http/1.1"])
        self._client_tls = ssl.create_default_context(cafile=self.site.dir / "tls/cert.pem")
        starting = asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=server_tls, backlog=512, limit=1 << 20)
        server = self._loop.run_until_complete(starting)
        self.port = server.sockets[0].getsockname()[1]
        # A browser that goes away mid-request is what the tests do; it needs no report.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader, writer):
        try:
            while request := await self._read(reader):
                answer = await self._answer(request)
                if answer is None:
                    break
                writer.write(answer[0])
                await writer.drain()
                if answer[1]:
                    break
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _read(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        line, headers = _parse(head)
        method, path, _ = line.split(" ", 2)
        body = await reader.readexactly(int(headers.get("Content-Length", 0)))
        request = Seen(method, path, headers, body)
        request.head = head
        foreign = headers["Host"] not in self.names
        (self.foreign if foreign else self.seen).append(request)
        return request

    async def _answer(self, request):
        """The bytes to send and whether to close after them; None to close at once."""
        if (host := request.headers["Host"]) not in self.names:
            return _render(200, FOREIGN | self.foreign_headers.get(host, {}), EMPTY), False
        if request.path in self.pages:
            return _render(200, *self.pages[request.path]), False
        fault = self.plan(request) or Fault()
        request.fault = fault.name
        end = time.monotonic() + fault.before
        while (left := end - time.monotonic()) > 0 and not (fault.until and fault.until()):
            await asyncio.sleep(min(left, 0.02) if fault.until else left)
        if fault.lose == "request":
            return None
        if fault.instead:
            return _render(*fault.instead), False
        if self.too_late(request):
            return BAD_GATEWAY, False
        request.asked = time.monotonic()
        # As one request on a network that repeats it: together, not one after the other.
        asked = await asyncio.gather(
            *(self._ask(request) for _ in range(fault.copies)), return_exceptions=True)
        request.answered = time.monotonic()
        chosen = asked[fault.use % len(asked)]
        if isinstance(chosen, BaseException):
            return None
        head, request.answer, request.content = chosen
        request.status, request.copies = int(head.split(b" ", 2)[1]), fault.copies
        if fault.swap:
            await self._swap(request, fault.swap)
        await asyncio.sleep(fault.after)
        if self.too_late(request):
            return BAD_GATEWAY, False
        request.left = time.monotonic()
        self._tell_later(request)
        if fault.lose == "answer":
            return None
        if fault.lose == "body":
            return head + request.content[:len(request.content) // 2], True
        return head + request.content, False

    async def _swap(self, request, longest):
        event = asyncio.Event()
        self._later.append((request.path, event))
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(event.wait(), longest)
        self._later = [each for each in self._later if each[1] is not event]

    def _tell_later(self, request):
        # In the next turn, when this answer is on its way.
        for path, event in self._later:
            if path == request.path:
                self._loop.call_later(0.01, event.set)

    async def _ask(self, request):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.site.port, ssl=self._client_tls, server_hostname="localhost", limit=1 << 20)
        try:
            head = request.head.split(b"\r\n\r\n")[0]
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            writer.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + request.body)
            await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
            status, headers = _parse(answer)
            content = await reader.read()
            if headers.get("Transfer-Encoding") == "chunked":
                content = _unchunk(content)
            kept = [line for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n")
                    if not line.lower().startswith((b"connection:", b"transfer-encoding:", b"content-length:"))]
            if not status.split(" ")[1] == "204":
                kept.append(b"Content-Length: %d" % len(content))
            return b"\r\n".join([*kept, b"", b""]), headers, content
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()


def _parse(head):
    line, _, rest = head.partition(b"\r\n")
    return line.decode("latin-1"), http.client.parse_headers(_Lines(rest))


class _Lines:
    def __init__(self, data):
        self._lines = iter(data.splitlines(keepends=True))

    def readline(self, _=None):
        return next(self._lines, b"")


def _unchunk(data):
    content = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        content, data = content + data[:length], data[length + 2:]
    return content


def _render(status, headers, body):
    if not isinstance(body, bytes):
        body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"} | headers
    head = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Status')}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


BAD_GATEWAY = _render(502, {"Content-Type": "text/html"}, b"<h1>502</h1>")
