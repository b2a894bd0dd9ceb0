"""Another machine that guards a site: contract, section 10, last paragraph.

Its nginx asks `check`, `enter` and `land` over TLS, and both sides prove who they are. Section C for it:
test_guards.py.
"""

import contextlib
import json
import socket
import ssl
import subprocess

import pytest
from other_machine import ADDRESS, HOST, NAME, OtherMachine
from programs import ROOT
from site_under_test import Site, status_of
from visitor import FETCH, GATE, NAVIGATION, Visitor

LOCATIONS = """
  location / {
    include tallystick/location/guard-pages.conf;
    include tallystick/location/proxy.conf;
    include tallystick/location/identity-to-proxy.conf;
    client_max_body_size 0;
    proxy_pass http://unix:DIR/run/echo.sock;
  }
  location /staff/ {
    auth_request /tallystick/check/staff;
    include tallystick/location/guarded-pages.conf;
    include tallystick/location/proxy.conf;
    include tallystick/location/identity-to-proxy.conf;
    proxy_pass http://unix:DIR/run/echo.sock;
  }
""" + "".join(f"""
  location /{name}/ {{
    auth_request /tallystick/check/{required};
    include tallystick/location/guarded.conf;
    include tallystick/location/proxy.conf;
    include tallystick/location/identity-to-proxy.conf;
    proxy_pass http://unix:DIR/run/echo.sock;
  }}
""" for name, required in {"slash": "/staff", "two": "staff//staff", "dot": "./staff", "dots": "staff/../staff"}.items())


@pytest.fixture(scope="module")
def issuer():
    running = Site()
    yield running
    running.close()


@pytest.fixture(scope="module")
def machine(issuer):
    running = OtherMachine(issuer, LOCATIONS)
    yield running
    running.close()


@pytest.fixture(params=[False, True], ids=["HTTP/1.1", "HTTP/2"])
def visitor(issuer, machine, request):
    visitor = Visitor(issuer, issuer.register())
    with machine.client(http2=request.param) as client:
        visitor.clients[HOST] = client
        yield visitor


def test_a_browser_comes_in_at_another_machine_and_out_again(issuer, machine, visitor):
    page = visitor.come_in(HOST, "/page?a=b&c=%20d")
    told = page.json()["headers"]
    assert told["X-Auth-User"] == visitor.account.name and told["X-Auth-Session"] == visitor.account.session
    assert page.headers.get_list("cache-control") == ["no-store"] and not {"Cookie", "Authorization"} & set(told)
    for method, headers, status in (("POST", {"Origin": visitor.origin(HOST)}, 200), ("POST", {"Origin": "https://evil.test"}, 403), ("DELETE", {}, 200),
                                    ("GET", {"Sec-Fetch-Site": "same-site"}, 403), ("HEAD", {}, 200)):
        assert visitor.ask(HOST, "/x", method, FETCH, headers).status_code == status, (method, headers)
    refused = visitor.ask(HOST, "/staff/x", kind=FETCH)
    assert refused.status_code == 403 and refused.json()["error"] == "insufficient_scope"
    issuer.admin("account", "groups", visitor.account.name, "staff")
    assert visitor.ask(HOST, "/staff/x").json()["headers"]["X-Auth-Groups"] == "staff"
    # A requirement that the issuer's nginx would shorten lets nobody in (T248).
    for misspelt in ("slash", "two", "dot", "dots"):
        assert visitor.ask(HOST, f"/{misspelt}/x", kind=FETCH).status_code == 500, misspelt
    assert "signout.html?return=https%3A%2F%2Fremote.localhost" in visitor.ask(HOST, "/tallystick/signout").headers["location"]
    by_token = visitor.clients[HOST].get("/x", headers=visitor.account.bearer | {"Host": f"{HOST}:{issuer.port}"})
    assert by_token.json()["headers"]["X-Auth-User"] == visitor.account.name
    assert issuer.post("/auth/logout", headers=visitor.account.bearer).status_code == 204
    assert visitor.ask(HOST, "/x").status_code == 302 and visitor.ask(HOST, "/x", kind=FETCH).status_code == 401


def test_nobody_but_the_machine_says_what_decides(issuer, machine, visitor):
    """What a client sends under the names that the machine uses is not passed on."""
    visitor.come_in(HOST)
    names = {"X-Tallystick-Site": visitor.origin("site.localhost"), "X-Tallystick-Uri": "/evil", "X-Tallystick-Client": "203.0.113.9",
             "X-Tallystick-Embedders": "https://evil.test", "AUTH_REQUIRE": "", "TALLYSTICK_SITE": visitor.origin("site.localhost")}
    sent = visitor.clients[HOST].get("/page", headers=NAVIGATION | names | {"Host": f"{HOST}:{issuer.port}"})
    assert "return=%2Fpage&" in sent.headers["location"] and "site=https%3A%2F%2Fremote.localhost" in sent.headers["location"]
    assert visitor.ask(HOST, "/staff/x", kind=FETCH, headers=names).status_code == 403
    foreign = visitor.ask(HOST, "/x", kind=FETCH, headers=names | {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.test"})
    assert foreign.status_code == 403
    assert visitor.ask(HOST, "/x", "POST", FETCH, names | {"Origin": "https://evil.test"}).status_code == 403
    # The cookie of another site, with that site named by the client.
    other = Visitor(issuer, visitor.account)
    other.come_in("site.localhost")
    answer = visitor.clients[HOST].get("/x", headers=FETCH | names | other.cookie("site.localhost") | {"Host": f"{HOST}:{issuer.port}"})
    assert answer.status_code == 401
    visitor.account.site.log("check")
    assert "203.0.113.9" not in issuer.log("check") + issuer.log("enter")


def ask_issuer(issuer, machine, path, headers, certificate=NAME, authority="ca"):
    """A request to the issuer's server, by whoever has this certificate; None if there is no answer."""
    context = ssl.create_default_context(cafile=machine.dir / "ca/ca.pem")
    if certificate:
        context.load_cert_chain(machine.dir / f"{authority}/{certificate}.pem", machine.dir / f"{authority}/{certificate}.key")

    with contextlib.suppress(ssl.SSLError, ConnectionError):
        with context.wrap_socket(socket.create_connection(("127.0.0.1", machine.issuer_port), 10), server_hostname="tallystick-issuer") as connection:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: tallystick-issuer\r\n{lines}Connection: close\r\n\r\n".encode())
            answer = b""
            while more := connection.recv(65536):
                answer += more
            return status_of(answer)[0]
    return None


def test_a_certificate_speaks_for_its_own_sites_alone(issuer, machine, visitor):
    own = {"X-Tallystick-Site": visitor.origin(HOST)} | visitor.account.bearer
    assert ask_issuer(issuer, machine, "/check", own) == 204
    assert ask_issuer(issuer, machine, "/check/staff", own) == 403
    for site in (visitor.origin("site.localhost"), issuer.url, "", f"https://{HOST}", visitor.origin(HOST) + "/", visitor.origin(HOST).upper(), "null"):
        for path in ("/check", "/land", "/enter", "/signout"):
            assert ask_issuer(issuer, machine, path, own | {"X-Tallystick-Site": site}) == 421, (site, path)
    del own["X-Tallystick-Site"]
    assert ask_issuer(issuer, machine, "/check", own) == 421
    own["X-Tallystick-Site"] = visitor.origin(HOST)
    # Another certificate of the same authority, which no line names; the issuer's own; and none.
    assert ask_issuer(issuer, machine, "/check", own, "stranger.example.org") == 421
    assert ask_issuer(issuer, machine, "/check", own, "issuer") in (400, None)
    assert ask_issuer(issuer, machine, "/check", own, None) in (400, None)
    # One of the same name by another authority.
    subprocess.run([ROOT / "tools/small-ca", machine.dir / "evil", NAME], check=True, capture_output=True)
    assert ask_issuer(issuer, machine, "/check", own, authority="evil") in (400, None)


def test_the_issuers_server_serves_nothing_else(issuer, machine, visitor):
    own = {"X-Tallystick-Site": visitor.origin(HOST)} | visitor.account.bearer
    for path in ("/", "/auth/login", "/auth/me", "/auth/handover", "/.well-known/jwks.json", "/check/", "/check/A", "/check-devices/", "/checks", "/land/", "/enter/x",
                 "/private/", "/tallystick/check", "/index.html", "/gate.html"):
        assert ask_issuer(issuer, machine, path, own) == 404, path


def test_who_is_not_the_issuer_is_not_believed(issuer, machine, visitor):
    """A server with another certificate would say 204 to everything: nobody is let in."""
    other = machine.dir / "impostor"
    subprocess.run([ROOT / "tools/small-ca", other, "x.example.org"], check=True, capture_output=True)
    conf = issuer.dir / "nginx/sites/remote-issuer.conf"
    before = conf.read_text()
    for certificate, authority in (("issuer", other), (NAME, machine.dir / "ca")):
        conf.write_text(before.replace(f"{machine.dir}/ca/issuer.", f"{authority}/{certificate}.").replace(
            "  include tallystick/server/remote-issuer.conf;", "  location / { return 204; }"))
        issuer.reload()
        try:
            answer = visitor.clients[HOST].get("/x", headers=FETCH | {"Host": f"{HOST}:{issuer.port}"})
            assert answer.status_code == 500 and answer.json()["error"] == "temporarily_unavailable"
        finally:
            conf.write_text(before)
            issuer.reload()
    assert visitor.clients[HOST].get("/x", headers=FETCH | {"Host": f"{HOST}:{issuer.port}"}).status_code == 401


def test_decisions_share_connections(issuer, machine, visitor):
    """Not a handshake for each; a 401 and a 403 keep the connection, too."""
    visitor.come_in(HOST)
    before = len(machine.connections())
    for _ in range(20):
        assert visitor.ask(HOST, "/x", kind=FETCH).status_code == 200
        assert visitor.ask(HOST, "/staff/x", kind=FETCH).status_code == 403
        assert visitor.clients[HOST].get("/x", headers=FETCH | {"Host": f"{HOST}:{issuer.port}"}).status_code == 401
    asked = machine.connections()[before:]
    checks = {number for number, path, _ in asked if path.startswith("/check")}
    workers = len(issuer.workers())
    # Each worker of the other machine keeps its own.
    assert len(asked) >= 60 and len(checks) <= 2 * workers, (len(asked), len(checks))


def test_an_upload_without_a_credential_is_answered_at_once(issuer, machine):
    """T086: also over two hops; and nothing of it is written."""
    for headers in ("", "Sec-Fetch-Mode: navigate\r\n"):
        for framing in ("Content-Length: 1073741824", "Transfer-Encoding: chunked"):
            with issuer.socket(name=HOST, to=ADDRESS) as connection:
                connection.sendall(f"POST /x HTTP/1.1\r\nHost: {HOST}\r\n{headers}{framing}\r\n\r\n".encode())
                assert b" 401 " in connection.recv(4096)
    assert not [path for path in (machine.dir / "temp").rglob("*") if path.is_file()]


def test_an_upload_with_a_credential_arrives_whole(issuer, machine, visitor):
    body = bytes(range(256)) * 8192
    answer = visitor.clients[HOST].post("/x", content=body, headers=visitor.account.bearer | {"Host": f"{HOST}:{issuer.port}"})
    assert answer.status_code == 200 and answer.headers["x-body-length"] == str(len(body))


def test_where_the_issuer_cannot_be_reached_nobody_is_let_in(issuer, machine, visitor):
    visitor.come_in(HOST)
    conf = issuer.dir / "nginx/sites/remote-issuer.conf"
    before = conf.read_text()
    conf.write_text("")
    issuer.reload()
    try:
        for headers in (visitor.account.bearer, FETCH | visitor.cookie(HOST), {}):
            answer = visitor.clients[HOST].get("/x", headers=headers | {"Host": f"{HOST}:{issuer.port}"})
            assert answer.status_code == 500 and answer.json()["error"] == "temporarily_unavailable"
        page = visitor.ask(HOST, "/x")
        assert page.status_code == 500 and page.headers["content-type"].startswith("text/html")
    finally:
        conf.write_text(before)
        issuer.reload()
    assert visitor.ask(HOST, "/x", kind=FETCH).status_code == 200


def test_the_machine_has_no_secret_in_its_logs(machine, visitor):
    """T216."""
    visitor.come_in(HOST)
    text = machine.log() + "".join(path.read_text(errors="replace") for path in (machine.dir / "log").iterdir())
    assert visitor.jars[HOST][GATE] not in text and visitor.account.token not in text
    assert json.loads((machine.dir / "log/access.log").read_text().splitlines()[-1])["host"] == HOST
