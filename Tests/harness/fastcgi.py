"""Both ends of FastCGI: a responder that gives the answers that a test wants, and a client.

FastCGI specification 1.0.
"""

import contextlib
import os
import socket
import struct
import threading

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7
KEEP_CONN = 1


def record(kind, content, request_id=1):
    """One record, without padding."""
    return struct.pack(">BBHHBx", 1, kind, request_id, len(content), 0) + content


def stream(kind, content):
    """A whole stream: records of at most 65535 bytes, and the empty one that ends it."""
    parts = [content[at : at + 65535] for at in range(0, len(content), 65535)]
    return b"".join(record(kind, part) for part in parts) + record(kind, b"")


def pairs(params):
    """Name-value pairs, in order; a name may come twice."""
    encoded = b""
    for name, value in params:
        for text in (name, value):
            encoded += struct.pack(">I", len(text) | 1 << 31) if len(text) > 127 else bytes([len(text)])
        encoded += name + value
    return encoded


def unpairs(content):
    """The pairs of a PARAMS stream, as text, in order."""
    found, at = [], 0
    while at < len(content):
        lengths = []
        for _ in range(2):
            if content[at] > 127:
                lengths.append(struct.unpack_from(">I", content, at)[0] & 0x7FFFFFFF)
                at += 4
            else:
                lengths.append(content[at])
                at += 1
        name, value = content[at : at + lengths[0]], content[at + lengths[0] : at + sum(lengths)]
        found.append((name.decode("latin-1"), value.decode("latin-1")))
        at += sum(lengths)
    return found


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_record(connection):
    """(type, content) of the next record."""
    _, kind, _, length, padding = struct.unpack(">BBHHBx", read_exactly(connection, 8))
    content = read_exactly(connection, length)
    read_exactly(connection, padding)
    return kind, content


class Responder:
    """Serves a socket with `answer`, which is given the params and the body, and returns bytes.

    `whole` instead of bytes of STDOUT are the bytes of the connection, for answers that break the
    protocol: a callable is given the connection. `accepted` counts connections, `seen` keeps the
    requests.
    """

    def __init__(self, path, answer):
        self.path, self.answer = str(path), answer
        self.accepted, self.seen, self.connections = 0, [], []
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError, EOFError):
            keep = True
            while keep:
                params, body, kind, content = b"", b"", None, b""
                while kind != STDIN or content:
                    kind, content = read_record(connection)
                    if kind == BEGIN:
                        keep = bool(content[2] & KEEP_CONN)
                    elif kind == PARAMS:
                        params += content
                    elif kind == STDIN:
                        body += content
                self.seen.append((unpairs(params), body))
                answer = self.answer(unpairs(params), body)
                if callable(answer):
                    answer(connection)
                    return
                connection.sendall(stream(STDOUT, answer) + record(END, bytes(8)))

    def close(self):
        # `shutdown` also wakes the threads that wait.
        for one in (self.listener, *self.connections):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def begin(keep=False):
    """The record that begins a request to a responder."""
    return record(BEGIN, struct.pack(">HB5x", 1, KEEP_CONN if keep else 0))


def request(path, params, body=b"", timeout=60):
    """One request to the socket at `path`: the bytes of STDOUT. `params` are (name, value) pairs."""
    with Connection(path, timeout) as connection:
        return connection.request(params, body)


class Connection:
    """A connection to a responder, for one request or, kept, for several one after the other."""

    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise

    def request(self, params, body=b"", keep=False):
        """The bytes of STDOUT until END, or until the other side closes.

        Names and values are bytes, or text that goes out as UTF-8.
        """
        encoded = pairs([(as_bytes(name), as_bytes(value)) for name, value in params])
        sent = begin(keep) + stream(PARAMS, encoded) + stream(STDIN, body)
        # A responder may refuse before it has read everything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(sent)
        return self.answer()

    def answer(self):
        output, kind = b"", None
        with contextlib.suppress(EOFError, ConnectionResetError):
            while kind != END:
                kind, content = read_record(self.socket)
                if kind == STDOUT:
                    output += content
        return output

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()
