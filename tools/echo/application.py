#!/usr/bin/env python3
"""The example application: answers what it received, as JSON {"method","path","headers"}.

usage: application.py SOCKET

It speaks HTTP/1.1 on a unix socket. A header that came more than once is joined by ", ". What the
body was is told in headers of the answer: X-Body-Length and X-Body-SHA256.
"""

import contextlib
import hashlib
import http.server
import json
import os
import socketserver
import sys


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "echo"
    sys_version = ""
    timeout = 75

    def __getattr__(self, name):
        # Any method: `do_GET`, `do_FOO_BAR`, …
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        # Only nginx connects, and it frames a body in no other way.
        if "Transfer-Encoding" in self.headers:
            self.send_error(501)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        received = {}
        for name in dict.fromkeys(self.headers.keys()):
            received[name] = ", ".join(self.headers.get_all(name))
        answer = json.dumps({"method": self.command, "path": self.path, "headers": received})
        answer = answer.encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-Body-Length", str(len(body)))
        self.send_header("X-Body-SHA256", hashlib.sha256(body).hexdigest())
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def address_string(self):
        return "nginx"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        # nginx may close a connection at any time; that is not worth a line.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        sys.exit(0 if "--help" in sys.argv else 100)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(sys.argv[1])
    os.umask(0o117)
    with Server(sys.argv[1], Echo) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
