#!/usr/bin/env python3
"""The example application: answers what it received, as JSON {"method","path","headers"}.

usage: application.py SOCKET

It speaks HTTP/1.1 on a unix socket. A header that came more than once is joined by ", ". What the
body was is told in headers of the answer: X-Body-Length and X-Body-SHA256.
"""

import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from unix_server import Handler, serve


class Echo(Handler):
    server_version = "echo"

    def __getattr__(self, name):
        # Any method: `do_GET`, `do_FOO_BAR`, …
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        body = b"".join(self.body())
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


if __name__ == "__main__":
    serve(Echo, __doc__)
