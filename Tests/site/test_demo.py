"""The example of a guarded site, https://site.localhost: everything that a page may consist of."""

import base64
import hashlib
import os
import struct

import pytest
from site_under_test import status_of
from visitor import BOUNCES, FETCH, GATE, IMAGE, NAVIGATION, Visitor

HOST = "site.localhost"
# Every kind of thing on the board: (path, kind of request, what it is).
PARTS = [
    ("/pictures/whole.svg", IMAGE, "image/svg+xml"), ("/pictures/halves.svg", IMAGE, "image/svg+xml"),
    ("/board.css", IMAGE | {"Sec-Fetch-Dest": "style"}, "text/css"),
    ("/board.js", IMAGE | {"Sec-Fetch-Dest": "script"}, "javascript"),
    ("/tally.csv", NAVIGATION | {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}, "text/csv"),
    ("/download/1000", NAVIGATION | {"Sec-Fetch-Site": "same-origin"}, "application/octet-stream"),
    ("/api/echo", FETCH, "application/json"),
]


@pytest.fixture
def visitor(site, user):
    return Visitor(site, user)


def test_one_sign_in_opens_every_site(site, visitor):
    for host, path, text in ((HOST, "/", f'<b id="who">{visitor.account.name}</b>'), ("other.localhost", "/", "You see this because"),
                             ("localhost", "/private/", "You see this because")):
        page = visitor.come_in(host, path)
        assert page.status_code == 200 and text in page.text
        assert page.headers.get_list("cache-control") == ["no-store"]


def test_a_page_and_what_belongs_to_it_open_with_the_cookie_and_not_without(site, inside):
    for path, kind, media_type in PARTS:
        answer = inside.ask(HOST, path, kind=kind)
        assert answer.status_code == 200 and media_type in answer.headers["content-type"], path
        refused = site.at(HOST, path, headers=kind)
        assert refused.status_code == (302 if kind["Sec-Fetch-Mode"] == "navigate" else 401), path
        # Nor from a page of another site, whose requests bring the cookie if it is a sibling.
        if kind["Sec-Fetch-Mode"] != "navigate":
            foreign = inside.ask(HOST, path, kind=kind | {"Sec-Fetch-Site": "same-site", "Origin": inside.origin("other.localhost")})
            assert foreign.status_code == 403, path


def test_the_echo_answers_as_on_the_issuers_host(site, inside, alice):
    for host in (HOST, "localhost"):
        by_cookie = inside.ask(host, "/api/echo?x=1", kind=FETCH, headers={"X-Auth-User": "root"}).json()
        by_token = site.at(host, "/api/echo?x=1", headers=alice.bearer | {"X-Auth-User": "root"}).json()
        for answer in (by_cookie, by_token):
            assert (answer["method"], answer["path"], answer["headers"]["X-Auth-User"]) == ("GET", "/api/echo?x=1", "alice")
            assert not {"Cookie", "Authorization"} & set(answer["headers"])


def test_a_body_that_an_application_leaves_unread_is_no_request(site, inside):
    """RFC 9112 §11.2, behind nginx: a GET may have a body."""
    note = f"smuggled{os.getpid()}"
    inner = f"POST /notes HTTP/1.1\r\nHost: x\r\nX-Auth-User: admin\r\nContent-Length: {len(note) + 5}\r\n\r\ntext={note}"
    for path in ("/icon.svg", "/app.webmanifest"):
        for _ in range(3):
            answer = site.at(HOST, path, content=inner)
            assert answer.status_code == 200 and "image" in answer.headers["content-type"] or "manifest" in path
    for _ in range(8):
        assert site.at(HOST, "/icon.svg").status_code == 200
    assert note not in inside.ask(HOST, "/", kind=NAVIGATION).text


def test_a_form_of_the_site_is_taken_and_another_sites_is_not(site, visitor):
    visitor.come_in(HOST)
    form = {"data": {"text": "a note <of> one"}, "method": "POST"}
    own = NAVIGATION | {"Sec-Fetch-Site": "same-origin", "Origin": visitor.origin(HOST)}
    sent = visitor.ask(HOST, "/notes", kind=own, **form)
    assert sent.status_code == 303 and sent.headers["location"] == "/"
    assert f"<li><b>{visitor.account.name}</b>" in visitor.ask(HOST, "/").text and "&lt;of&gt;" in visitor.ask(HOST, "/").text
    for origin in (visitor.origin("other.localhost"), "https://evil.test", "null"):
        refused = visitor.ask(HOST, "/notes", kind=own | {"Sec-Fetch-Site": "same-site", "Origin": origin}, **form)
        assert refused.status_code == 403 and "<h1>" in refused.text


def test_the_event_stream_tells_of_a_note_at_once(site, visitor):
    """Without nginx keeping it back (location/event-stream.conf)."""
    visitor.come_in(HOST)
    headers = FETCH | {"Accept": "text/event-stream"} | visitor.cookie(HOST) | {"Host": f"{HOST}:{site.port}"}
    with site.client.stream("GET", "/events", headers=headers, extensions={"sni_hostname": HOST}) as stream:
        assert stream.status_code == 200 and stream.headers["content-type"] == "text/event-stream"
        lines = stream.iter_lines()
        assert "event: hello" in [next(lines) for _ in range(3)]
        visitor.ask(HOST, "/notes", "POST", NAVIGATION | {"Origin": visitor.origin(HOST)}, data={"text": "as it comes"})
        assert any("as it comes" in line for line in lines)


class WebSocket:
    """One of the browser's side: RFC 6455, with short messages."""

    def __init__(self, site, host, path, headers):
        self.connection = site.socket(name=host)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = {"Host": f"{host}:{site.port}", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": key} | headers
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.connection.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        self.stream = self.connection.makefile("rb")
        self.head = b"".join(iter(self.stream.readline, b"\r\n"))
        self.status = status_of(self.head)[0]
        accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        self.is_accepted = b"Sec-WebSocket-Accept: " + accept in self.head

    def send(self, text):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
        self.connection.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)

    def receive(self):
        """The next frame: its kind and content; (None, b"") once the other side has gone."""
        head = self.stream.read(2)
        if len(head) < 2:
            return None, b""
        length = head[1] & 127
        if length == 126:
            length = struct.unpack(">H", self.stream.read(2))[0]
        return head[0] & 15, self.stream.read(length)

    def close(self):
        self.connection.close()


def test_the_websocket_opens_for_pages_of_the_site_alone(site, inside):
    """T108; the contract's table: by `Origin`, because a browser sends no Fetch Metadata with it everywhere."""
    cookie = inside.cookie(HOST)
    for headers, status in (({}, 401), ({"Origin": inside.origin(HOST)}, 401), (cookie, 403),
                            (cookie | {"Origin": inside.origin("other.localhost")}, 403), (cookie | {"Origin": "https://evil.test"}, 403),
                            (cookie | {"Origin": inside.origin(HOST), "Sec-Fetch-Mode": "navigate"}, 101)):
        one = WebSocket(site, HOST, "/live", headers)
        assert one.status == status and one.is_accepted == (status == 101), headers
        one.close()
    one, other = (WebSocket(site, HOST, "/live", cookie | {"Origin": inside.origin(HOST)}) for _ in range(2))
    counts = [each.receive()[1] for each in (one, other)]
    assert all(b'"count": ' in count for count in counts)
    one.send(b"notch")
    for each in (one, other):
        assert b'"who": "alice"' in each.receive()[1]
        each.close()


def test_sign_out_closes_every_site_at_the_next_request(site, visitor):
    for host, path in ((HOST, "/"), ("other.localhost", "/"), ("localhost", "/private/")):
        visitor.come_in(host, path)
    leads = visitor.ask(HOST, "/tallystick/signout")
    assert leads.status_code == 302 and leads.headers["location"].startswith(f"{site.url}/signout.html?return=https%3A%2F%2Fsite.localhost")
    assert site.post("/auth/logout", headers=visitor.account.bearer).status_code == 204
    for path, kind, _ in PARTS:
        assert visitor.ask(HOST, path, kind=kind).status_code in (302, 401), path
        assert GATE in visitor.jars[HOST]
        # Three navigations within a minute would end at the page of the loop breaker.
        visitor.jars[HOST].pop(BOUNCES, None)
    visitor.jars.update({host: {GATE: visitor.jars[host][GATE]} for host in visitor.jars})
    assert visitor.ask("localhost", "/private/").status_code == visitor.ask("other.localhost", "/").status_code == 302
    assert WebSocket(site, HOST, "/live", visitor.cookie(HOST) | {"Origin": visitor.origin(HOST)}).status == 401
