"""An HTTP/1.1 server on a unix socket, for the example applications: nginx stands before it."""

import contextlib
import http.server
import os
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sys_version = ""
    timeout = 75

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


def serve(handler, usage):
    """Serves on the socket that the only argument names, until the process ends."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(usage.strip())
        sys.exit(0 if "--help" in sys.argv else 100)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(sys.argv[1])
    os.umask(0o117)
    with Server(sys.argv[1], handler) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
