"""An HTTP/1.1 server on a unix socket, for the example applications: nginx stands before it.

nginx keeps its connections, and hands a body on with any method. An application that leaves a body
unread would take it for the next request, with any `X-Auth-User` that a client has written into it. So
a connection ends here where a body was not read to its end.
"""

import contextlib
import http.server
import os
import socketserver
import sys


PIECE = 65536


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sys_version = ""
    timeout = 75

    def parse_request(self):
        if not super().parse_request():
            return False
        length, coding = self.headers.get_all("Content-Length", []), self.headers.get_all("Transfer-Encoding", [])
        self.is_chunked = [each.lower() for each in coding] == ["chunked"]
        # nginx sends one of the two, once.
        if len(length) + len(coding) > 1 or coding and not self.is_chunked or length and not length[0].isdecimal():
            self.send_error(400)
            return False
        self.left = int(length[0]) if length else 0
        return True

    def handle_one_request(self):
        self.left, self.is_chunked = 0, False
        super().handle_one_request()
        if self.left or self.is_chunked:
            self.close_connection = True

    def body(self):
        """The body, piece by piece, with a length or chunked."""
        while self.is_chunked:
            if self.left == 0:
                self.left = int(self.rfile.readline().split(b";")[0], 16)
            if self.left == 0:
                while self.rfile.readline().strip():
                    pass
                self.is_chunked = False
                return
            yield from self.rest()
            self.rfile.readline()
        yield from self.rest()

    def rest(self):
        while self.left > 0:
            piece = self.rfile.read(min(self.left, PIECE))
            if not piece:
                raise ConnectionResetError("the body ends too early")
            self.left -= len(piece)
            yield piece

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


def serve(handler, usage, more=0):
    """Serves on the socket that the first argument names, until the process ends; `more` arguments follow."""
    if len(sys.argv) != 2 + more or sys.argv[1].startswith("-"):
        print(usage.strip())
        sys.exit(0 if "--help" in sys.argv else 100)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(sys.argv[1])
    before = os.umask(0o117)
    with Server(sys.argv[1], handler) as server, contextlib.suppress(KeyboardInterrupt):
        os.umask(before)
        server.serve_forever()
