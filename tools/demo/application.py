#!/usr/bin/env python3
"""The example of a guarded site: a board with pictures, a form, an event stream, a WebSocket, files.

usage: application.py SOCKET

It speaks HTTP/1.1 on a unix socket and knows its visitors by what nginx tells it: `X-Auth-User`. It
has no login, no cookie and no session of its own. What it knows is gone when it ends.

  GET  /                the board              GET  /events          new notes, as they come
  POST /notes           a note, by a form      GET  /live            the tally, as a WebSocket
  GET  /tally.csv       a download             GET  /download/BYTES  a file of that size
  POST /upload          {"bytes","sha256"} of the body, which may be of any size
"""

import base64
import collections
import contextlib
import hashlib
import html
import json
import mimetypes
import pathlib
import queue
import struct
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from unix_server import PIECE, Handler, serve

PAGES = pathlib.Path(__file__).resolve().parent / "pages"
# nginx asks who a visitor is when a stream is opened, and not again. So each ends after this many
# seconds, and the page opens the next: a sign-out closes both at the latest then.
LONGEST = 60


class Board:
    """What all visitors share: notes, a tally, and who waits for news of them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.notes = collections.deque(maxlen=50)
        self.tally = collections.Counter()
        self.waiting = set()

    @contextlib.contextmanager
    def news(self):
        """A queue of what happens from now on: (kind, value)."""
        mine = queue.Queue()
        with self.lock:
            self.waiting.add(mine)
        try:
            yield mine
        finally:
            with self.lock:
                self.waiting.discard(mine)

    def tell(self, kind, value):
        with self.lock:
            for each in self.waiting:
                each.put((kind, value))

    def add_note(self, who, text):
        note = {"who": who, "text": text, "time": time.strftime("%H:%M", time.gmtime())}
        with self.lock:
            self.notes.appendleft(note)
        self.tell("note", note)

    def add_notch(self, who):
        with self.lock:
            self.tally[who] += 1
            count = self.tally.total()
        self.tell("tally", {"who": who, "count": count})


board = Board()


class Visitor(Handler):
    server_version = "demo"

    @property
    def who(self):
        return self.headers.get("X-Auth-User", "")

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/":
            self.answer(200, "text/html; charset=utf-8", page(self.who), self.policy)
        elif path == "/events":
            self.events()
        elif path == "/live":
            self.live()
        elif path == "/tally.csv":
            lines = "".join(f"{who},{count}\n" for who, count in sorted(board.tally.items()))
            attachment = ("Content-Disposition", 'attachment; filename="tally.csv"')
            self.answer(200, "text/csv; charset=utf-8", f"name,notches\n{lines}".encode(), attachment)
        elif path.startswith("/download/") and path[10:].isdecimal():
            self.download(int(path[10:]))
        else:
            self.file(path)

    do_HEAD = do_GET

    def do_POST(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/upload":
            self.upload()
        elif path == "/notes":
            fields = urllib.parse.parse_qs(b"".join(self.body()).decode(errors="replace"))
            if text := fields.get("text", [""])[0].strip()[:500]:
                board.add_note(self.who, text)
            self.answer(303, None, b"", ("Location", "/"))
        else:
            b"".join(self.body())
            self.answer(404, "text/plain; charset=utf-8", b"There is nothing here.\n")

    do_PUT = do_POST

    @property
    def policy(self):
        # Older browsers do not take 'self' for a WebSocket of the same host.
        host = f"{self.headers.get('Host', '')}:{self.headers.get('X-Forwarded-Port', '443')}"
        return ("Content-Security-Policy", f"default-src 'self'; connect-src 'self' wss://{host}; "
                "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'")

    def answer(self, status, media_type, content, *headers):
        self.send_response(status)
        if media_type:
            self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def file(self, path):
        """A file of the folder `pages`, by its name there; the page itself is no file."""
        found = next((file for file in PAGES.rglob("*") if file.is_file() and path == f"/{file.relative_to(PAGES)}"), None)
        if found is None or found.name == "board.html":
            self.answer(404, "text/plain; charset=utf-8", b"There is nothing here.\n")
            return
        media_type = "application/manifest+json" if found.suffix == ".webmanifest" else mimetypes.guess_type(found.name)[0]
        # A browser may keep it for an hour: the guard says otherwise for what it guards.
        self.answer(200, media_type or "application/octet-stream", found.read_bytes(), ("Cache-Control", "public, max-age=3600"))

    def upload(self):
        digest, count = hashlib.sha256(), 0
        for piece in self.body():
            digest.update(piece)
            count += len(piece)
        answer = json.dumps({"bytes": count, "sha256": digest.hexdigest()}).encode() + b"\n"
        self.answer(200, "application/json", answer)

    def download(self, count):
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Disposition", f'attachment; filename="{count}.bin"')
        self.send_header("Content-Length", str(count))
        self.end_headers()
        zeros = bytes(PIECE)
        while count > 0 and self.command != "HEAD":
            count -= self.wfile.write(zeros[:min(count, PIECE)])

    def events(self):
        """New notes as server-sent events."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if self.command == "HEAD":
            return
        with board.news() as news, contextlib.suppress(OSError):
            self.wfile.write(b"retry: 2000\nevent: hello\ndata: {}\n\n")
            for kind, value in until_late(news):
                if kind == "note":
                    self.wfile.write(f"event: note\ndata: {json.dumps(value)}\n\n".encode())
                elif kind == "silence":
                    self.wfile.write(b": still here\n\n")

    def live(self):
        """The tally: each message of the browser is a notch, and everybody is told of it."""
        key = self.headers.get("Sec-WebSocket-Key", "")
        if self.headers.get("Upgrade", "").lower() != "websocket" or not key:
            self.answer(426, "text/plain; charset=utf-8", b"This is a WebSocket.\n", ("Upgrade", "websocket"))
            return
        self.close_connection = True
        digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        with board.news() as news, contextlib.suppress(OSError):
            threading.Thread(target=self.listen, args=(news,), daemon=True).start()
            self.say({"who": "", "count": board.tally.total()})
            for kind, value in until_late(news):
                if kind == "tally":
                    self.say(value)
                elif kind == "bye":
                    break
            # RFC 6455 §7.4.1: going away.
            self.wfile.write(b"\x88\x02" + struct.pack(">H", 1001))

    def say(self, value):
        """One text frame (RFC 6455 §5.2)."""
        text = json.dumps(value).encode()
        length = bytes([len(text)]) if len(text) < 126 else b"\x7e" + struct.pack(">H", len(text))
        self.wfile.write(b"\x81" + length + text)

    def listen(self, news):
        """The frames of the browser, which are short, masked and whole."""
        with contextlib.suppress(OSError, struct.error, ValueError, IndexError):
            while True:
                first, second = self.rfile.read(2)
                masked, length = second >> 7, second & 127
                if not masked or length > 125 or first & 15 == 8:
                    break
                self.rfile.read(4 + length)
                if first & 15 == 1:
                    board.add_notch(self.who)
        news.put(("bye", None))


def until_late(news):
    """What comes, and ("silence", None) when nothing does for a while, until the stream is old."""
    end = time.monotonic() + LONGEST
    while (left := end - time.monotonic()) > 0:
        try:
            yield news.get(timeout=min(left, 15))
        except queue.Empty:
            yield ("silence", None)


def page(who):
    notes = "".join(
        f"<li><b>{html.escape(note['who'])}</b> <time>{note['time']}</time> {html.escape(note['text'])}</li>" for note in board.notes)
    text = (PAGES / "board.html").read_text()
    return text.replace("WHO", html.escape(who)).replace("NOTES", notes).encode()


if __name__ == "__main__":
    serve(Visitor, __doc__)
