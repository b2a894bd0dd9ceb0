"""Each snippet for real life, before a real application: gRPC, PHP, WebSockets, streams, CORS, identity.

nginx/README.md has the table of the snippets. Section C over all guards: test_guards.py.
"""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest
from test_demo import WebSocket
from visitor import FETCH, GATE, NAVIGATION, Visitor
from waiting import can_connect, wait_until

APPLICATIONS = pathlib.Path(__file__).parent / "applications"
HEAD = """
set $tallystick_site https://NAME.localhost:PORT;
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
include tallystick/server/site.conf;
"""
SPOOFED = {name: "root" for name in (
    "X-Auth-User", "X-Auth-Subject", "X-Auth-Session", "X-Auth-Groups", "Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name",
    "X-Auth-Request-User", "X-Auth-Request-Groups", "X-Auth-Request-Email", "X-Auth-Request-Preferred-Username", "X-Forwarded-User")}


@contextlib.contextmanager
def running(command, path):
    """A process that listens on a unix socket, which nginx may connect to."""
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: path.exists() and can_connect(path), f"{command[0]} on {path.name}", seconds=30)
            path.chmod(0o666)
            yield process
        finally:
            process.terminate()
            process.wait(30)


def add(site, name, locations):
    site.add_site(name, HEAD.replace("NAME", name) + locations)
    return f"{name}.localhost"


# gRPC

GRPC = """
location /guarded.Service/ {
  include tallystick/location/guard.conf;
  include tallystick/location/grpc.conf;
  include tallystick/location/identity-to-grpc.conf;
  grpc_pass grpc://unix:DIR/run/grpc.sock;
}
location /staff.Service/ {
  auth_request /tallystick/check/staff;
  include tallystick/location/guarded.conf;
  include tallystick/location/grpc.conf;
  include tallystick/location/identity-to-grpc.conf;
  grpc_pass grpc://unix:DIR/run/grpc.sock;
}
location /open.Service/ {
  include tallystick/location/grpc.conf;
  include tallystick/location/identity-cleared-grpc.conf;
  grpc_pass grpc://unix:DIR/run/grpc.sock;
}
"""


@pytest.fixture(scope="module")
def grpc(site):
    """Calls a method with a token and metadata: the lines that the client prints."""
    service, address, certificate = APPLICATIONS / "grpc_service.py", site.dir / "run/grpc.sock", site.dir / "tls/grpc.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=grpc.localhost",
         "-addext", "subjectAltName=DNS:grpc.localhost", "-keyout", site.dir / "tls/grpc.key", "-out", certificate], check=True, capture_output=True)
    site.add_site("grpc", HEAD.replace("NAME", "grpc") + GRPC, certificate="grpc.pem", key="grpc.key")

    def call(token, method, *metadata):
        command = ["/usr/bin/python3", service, "call", f"grpc.localhost:{site.port}", certificate, token or "-", method, *metadata]
        answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True, env={"no_proxy": "*"})
        return answer.stdout.splitlines()

    # Debian's own Python has Debian's grpcio.
    with running(["/usr/bin/python3", service, "serve", address], address):
        yield call


def test_a_grpc_service_is_told_who_calls(grpc, alice):
    spoofed = [f"{name.lower()}=root" for name in SPOOFED]
    for metadata in ([], spoofed, [f"cookie=a=b; {GATE}=x"]):
        [answer] = grpc(alice.token, "/guarded.Service/Unary", *metadata)
        told = json.loads(answer)
        assert told["x-auth-user"] == "alice" and told["x-auth-session"] == alice.session
        assert "root" not in told.values() and "authorization" not in told and GATE not in answer
    assert len(grpc(alice.token, "/guarded.Service/Stream")) == 3
    assert grpc(alice.token, "/guarded.Service/Both") == ["a!", "b!"]


def test_a_grpc_call_is_refused_by_the_status_that_its_library_knows(grpc, alice):
    """https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md"""
    for method in ("Unary", "Stream", "Both"):
        for token in (None, "x", "a.b.c"):
            assert grpc(token, f"/guarded.Service/{method}", "x-auth-user=root") == ["UNAUTHENTICATED"]
        assert grpc(alice.token, f"/staff.Service/{method}") == ["PERMISSION_DENIED"]
    [answer] = grpc(None, "/open.Service/Unary", *(f"{name.lower()}=root" for name in SPOOFED))
    assert "root" not in json.loads(answer).values()


def test_an_open_grpc_service_gets_credentials_of_its_own_and_no_device_token(grpc):
    """T247."""
    for token, told in (("the-services-own", "Bearer the-services-own"), (f"ts_{'x' * 49}", None)):
        [answer] = grpc(token, "/open.Service/Unary")
        assert json.loads(answer).get("authorization") == told


# PHP

PHP = """
root DIR/php;
location / {
  include tallystick/location/guard-pages.conf;
  index index.php;
}
location ~ "^/open/(.+\\.php)$" {
  include tallystick/location/open.conf;
  include tallystick/location/fastcgi.conf;
  include tallystick/location/php.conf;
  include tallystick/location/identity-cleared-fastcgi.conf;
  fastcgi_pass unix:DIR/run/php.sock;
}
location ~ "\\.php(?:/|$)" {
  include tallystick/location/guard-pages.conf;
  include tallystick/location/fastcgi.conf;
  include tallystick/location/php.conf;
  include tallystick/location/identity-to-fastcgi.conf;
  fastcgi_pass unix:DIR/run/php.sock;
}
"""


@pytest.fixture(scope="module")
def php(site):
    """PHP-FPM with one script, which says what it was told."""
    program = shutil.which("php-fpm") or str(max(pathlib.Path("/usr/sbin").glob("php-fpm*")))
    (site.dir / "php/open").mkdir(parents=True)
    for folder in ("php", "php/open"):
        shutil.copy(APPLICATIONS / "identity.php", site.dir / folder / "index.php")
    (site.dir / "php/picture.png").write_bytes((site.dir / "php/index.php").read_bytes())
    # Not as root, which PHP-FPM refuses.
    (site.dir / "php-fpm.conf").write_text(f"""
[global]
error_log = {site.dir}/log/php-fpm.log
daemonize = no
[www]
user = www-data
group = www-data
listen = {site.dir}/run/php.sock
listen.mode = 0666
pm = static
pm.max_children = 2
""")
    host = add(site, "php", PHP)
    with running([program, "--nodaemonize", "--fpm-config", site.dir / "php-fpm.conf"], site.dir / "run/php.sock"):
        yield host


def test_a_php_application_is_told_who_asks(site, php, alice):
    """T088, T181, T212; nginx/README.md has the same lines."""
    visitor = Visitor(site, alice)
    page = visitor.come_in(php, "/index.php/some/where?x=1")
    assert page.headers.get_list("cache-control") == ["no-store"]
    for headers, name in (({}, "alice"), (SPOOFED | {"Proxy": "http://root", "Cookie": f"a=b; {visitor.cookie(php)['Cookie']}", "Authorization": "Basic cm9vdDpyb290"}, "alice")):
        told = visitor.ask(php, "/index.php/some/where?x=1", headers=headers).json()
        server = told["server"]
        assert server["HTTP_X_AUTH_USER"] == server["REMOTE_USER"] == name and server["HTTP_X_AUTH_SESSION"] == alice.session
        assert (server["SCRIPT_NAME"], server["PATH_INFO"], server["QUERY_STRING"]) == ("/index.php", "/some/where", "x=1")
        assert told["cookies"] == ({"a": "b"} if headers else []) and "root" not in json.dumps(server) and "PHP_AUTH_USER" not in server
    assert visitor.ask(php, "/").json()["server"]["HTTP_X_AUTH_USER"] == "alice"
    sent = visitor.ask(php, "/index.php", "POST", FETCH | {"Origin": visitor.origin(php)}, content=b"a body").json()
    assert (sent["body"], sent["server"]["REQUEST_METHOD"]) == ("a body", "POST")
    by_token = site.at(php, "/index.php", headers=alice.bearer | SPOOFED).json()
    assert by_token["server"]["REMOTE_USER"] == "alice" and "HTTP_AUTHORIZATION" not in by_token["server"]


def test_a_php_application_is_guarded_and_its_source_is_not_shown(site, php, alice):
    visitor = Visitor(site, alice)
    visitor.come_in(php, "/index.php")
    for path in ("/", "/index.php", "/index.php/x", "/picture.png", "/picture.png/x.php", "/x.php", "/INDEX.PHP", "/index%2ephp", "//index.php"):
        refused = site.at(php, path, headers=SPOOFED)
        assert refused.status_code == 401 and "server" not in refused.text, path
        opened = visitor.ask(php, path)
        if path != "/picture.png":
            assert "<?php" not in opened.text, path
    assert visitor.ask(php, "/picture.png/x.php").status_code in (403, 404)
    told = site.at(php, "/open/index.php", headers=SPOOFED | alice.bearer).json()["server"]
    # The group of the location's own pattern is not what the maps left behind.
    assert told["SCRIPT_NAME"] == "/open/index.php" and "root" not in json.dumps(told) and told["REMOTE_USER"] == ""


# Identity under the names of others

NAMES = """
location /own/ {
  include tallystick/location/guard.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://example_application;
}
location /remote/ {
  include tallystick/location/guard.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-remote-to-proxy.conf;
  proxy_pass http://example_application;
}
location /request/ {
  include tallystick/location/guard.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-request-to-proxy.conf;
  proxy_pass http://example_application;
}
location /open/ {
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-cleared-proxy.conf;
  proxy_pass http://example_application;
}
"""


def test_one_line_chooses_the_names_of_the_identity(site, user):
    """T088: as Authelia and oauth2-proxy have them; the client's of all families are gone."""
    site.admin("account", "groups", user.name, "staff")
    host = add(site, "names", NAMES)
    subject = site.get("/auth/me", headers=user.bearer).json()["id"]
    families = {
        "own": {"X-Auth-User": user.name, "X-Auth-Subject": subject, "X-Auth-Session": user.session, "X-Auth-Groups": "staff"},
        "remote": {"Remote-User": user.name, "Remote-Groups": "staff"},
        "request": {"X-Auth-Request-User": subject, "X-Auth-Request-Preferred-Username": user.name, "X-Auth-Request-Groups": "staff"},
        "open": {},
    }
    visitor = Visitor(site, user)
    visitor.jars[host] = {}
    for family, told in families.items():
        for headers in (SPOOFED, {name.upper(): value for name, value in SPOOFED.items()}, {}):
            answer = site.at(host, f"/{family}/x", headers=headers | user.bearer).json()["headers"]
            got = {name: value for name, value in answer.items() if name in SPOOFED}
            assert got == told and "root" not in answer.values(), family
            assert ("Authorization" in answer) == (family == "open")


# Public paths, and an installed application

def test_a_manifest_and_icons_are_open_and_name_nobody(site, inside):
    """A browser fetches a manifest without cookies."""
    for path in ("/app.webmanifest", "/icon.svg"):
        for headers in ({}, {"Sec-Fetch-Dest": "manifest", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}, SPOOFED):
            answer = site.at("site.localhost", path, headers=headers)
            assert answer.status_code == 200 and answer.headers.get_list("cache-control") == ["public, max-age=3600"]
    # The paths beside them are not.
    for path in ("/app.webmanifest/", "/app.webmanifest/x", "/icon.svg/..", "/icon.svgx", "/x/app.webmanifest", "/APP.WEBMANIFEST"):
        assert site.at("site.localhost", path).status_code == 401, path
    # A request of a script or a service worker is never redirected.
    for kind in (FETCH, FETCH | {"Sec-Fetch-Dest": "serviceworker", "Service-Worker": "script"}, {"Accept": "*/*"}):
        answer = site.at("site.localhost", "/board.js", headers=kind)
        assert answer.status_code == 401 and answer.json()["error"] == "invalid_token"


# CORS

CORS = """
location /api/ {
  set $tallystick_cors_origins https://app.test,https://www.app.test:444;
  include tallystick/location/guard.conf;
  include tallystick/location/cors.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://example_application;
  location /api/nested/ { proxy_pass http://example_application; }
}
location /closed/ {
  include tallystick/location/guard.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://example_application;
}
location /page/ {
  include tallystick/location/guard-pages.conf;
  root DIR;
}
location /gone/ {
  set $tallystick_cors_origins https://app.test;
  auth_request /tallystick/check/staff;
  include tallystick/location/guarded.conf;
  include tallystick/location/cors.conf;
  root DIR;
}
"""


@pytest.fixture(scope="module")
def cors(site):
    return add(site, "cors", CORS)


PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization, content-type"}


@pytest.mark.parametrize("http2", [False, True])
def test_a_preflight_is_answered_for_origins_that_the_location_names(site, cors, http2):
    """T155; Fetch §3.2.2."""
    with site.connect(http2=http2) as client:
        for origin in ("https://app.test", "https://www.app.test:444"):
            answer = site.at(cors, "/api/x", client, "OPTIONS", headers=PREFLIGHT | {"Origin": origin})
            assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type" and "PUT" in answer.headers["access-control-allow-methods"]
            assert "access-control-allow-credentials" not in answer.headers and answer.headers["vary"] == "Origin"
        for origin in ("https://evil.test", "null", "http://app.test", "https://app.test:443", "https://app.test.", "https://app.test,https://www.app.test:444",
                       "https://APP.test", "https://app.tes", "https://www.app.test", "https://app.test/", "https://.*", "https://evil.test https://evil.test", "https://evil.test https://evil.test,", "https://xapp.test", ""):
            answer = site.at(cors, "/api/x", client, "OPTIONS", headers=PREFLIGHT | {"Origin": origin})
            assert answer.status_code == 401, origin
            assert not [name for name in answer.headers if name.startswith("access-control")], origin
        # Another OPTIONS, and one for a location that does not opt in, is guarded as every other request.
        for path, headers in (("/api/x", {"Origin": "https://app.test"}), ("/api/nested/x", PREFLIGHT | {"Origin": "https://app.test"}),
                              ("/closed/x", PREFLIGHT | {"Origin": "https://app.test"}), ("/api/x", PREFLIGHT)):
            assert site.at(cors, path, client, "OPTIONS", headers=headers).status_code == 401, path


def test_a_page_of_another_origin_reads_the_answer_and_the_refusal(site, cors, alice):
    """T155: a 401 that it cannot read is a network failure to it, and it would not renew its token."""
    origin = {"Origin": "https://app.test", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    for path, headers, status in (("/api/x", alice.bearer, 200), ("/api/x", {}, 401), ("/gone/x", alice.bearer, 403)):
        answer = site.at(cors, path, headers=origin | headers)
        assert answer.status_code == status and answer.headers["access-control-allow-origin"] == "https://app.test"
        assert answer.headers.get_list("access-control-allow-origin") == ["https://app.test"] and "Origin" in answer.headers["vary"]
        assert answer.headers["access-control-expose-headers"] == "WWW-Authenticate, Retry-After"
        other = site.at(cors, path, headers=origin | headers | {"Origin": "https://evil.test"})
        assert other.status_code == status and "access-control-allow-origin" not in other.headers and "Origin" in other.headers["vary"]
    # Nowhere else is anything said of it.
    for host, path in ((cors, "/closed/x"), ("localhost", "/api/echo"), ("site.localhost", "/")):
        assert not [name for name in site.at(host, path, headers=origin).headers if name.startswith(("access-control", "vary"))]


def test_the_cookie_of_the_gate_is_no_use_to_another_origin(site, cors, alice):
    """A sibling's page may call with a token and not by the visitor's cookie."""
    visitor = Visitor(site, alice)
    visitor.come_in(cors, "/page/x")
    assert visitor.ask(cors, "/api/x", kind=FETCH).status_code == 200
    for headers in ({"Sec-Fetch-Site": "same-site", "Origin": "https://app.test"}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://app.test"}):
        assert visitor.ask(cors, "/api/x", kind=FETCH | headers).status_code == 403
        assert visitor.ask(cors, "/api/x", "POST", kind=FETCH | headers).status_code == 403


# Time-outs that bound what a sign-out cannot reach

SLOW = """
location = /live {
  include tallystick/location/guard-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  include tallystick/location/websocket.conf;
  proxy_pass http://unix:DIR/run/silent.sock;
}
location = /events {
  include tallystick/location/guard-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  include tallystick/location/event-stream.conf;
  proxy_pass http://unix:DIR/run/silent.sock;
}
"""


@contextlib.contextmanager
def silent_application(path):
    """Switches protocols, or begins a stream, and never says another byte."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        kept = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    kept.append(connection)
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        head += connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" if b"/live" in head else
                                       b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


def test_a_silent_websocket_and_a_silent_stream_end_by_their_time_out(site, alice):
    """The snippets' 60 s, as one second here: nobody asks `check` again while they are open."""
    for name in ("websocket", "event-stream"):
        snippet = (site.dir / f"nginx/tallystick/location/{name}.conf")
        assert "\nproxy_read_timeout 60s;" in snippet.read_text()
        short = site.dir / f"nginx/tallystick/location/{name}-short.conf"
        short.write_text(snippet.read_text().replace("timeout 60s", "timeout 1s"))
    try:
        host = add(site, "silent", SLOW.replace("websocket.conf", "websocket-short.conf").replace("event-stream.conf", "event-stream-short.conf"))
        with silent_application(site.dir / "run/silent.sock"):
            one = WebSocket(site, host, "/live", alice.bearer)
            assert one.status == 101
            assert one.receive() == (None, b"")
            answer = site.raw(f"GET /events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {alice.token}\r\n\r\n".encode(), name=host)
            assert b"data: 1" in answer
    finally:
        (site.dir / "nginx/sites/silent.conf").unlink()
        for name in ("websocket", "event-stream"):
            (site.dir / f"nginx/tallystick/location/{name}-short.conf").unlink()
        site.reload()
