"""A site of pages: location/guard-pages.conf and server/site.conf, as nginx runs them.

Contract, sections 5 and 10. `enter`, `land` and `check` by themselves: Tests/routes/test_gate.py.
"""

import contextlib
import json
import subprocess
import threading

import pytest
from fastcgi import Responder
from site_under_test import GUARDED, status_of
from unchecked import in_place_of_check
from visitor import BOUNCES, FETCH, GATE, IMAGE, NAVIGATION, STATE, Visitor

HOST = "site.localhost"


@pytest.fixture
def anonymous(site, user):
    """A browser that has not come in."""
    return Visitor(site, user)


@pytest.fixture(params=[False, True], ids=["HTTP/1.1", "HTTP/2"])
def client(site, request):
    with site.connect(http2=request.param) as client:
        yield client


# Who is sent to sign in, and who is told that a credential is missing.


def test_only_a_document_of_a_browser_is_sent_to_sign_in(site, client):
    html = {"Accept": "text/html,*/*;q=0.8"}
    for method, headers, status in [
        ("GET", NAVIGATION, 302), ("GET", NAVIGATION | {"Sec-Fetch-Site": "cross-site"}, 302), ("GET", html, 302),
        ("GET", {}, 401), ("GET", html | {"X-Requested-With": "XMLHttpRequest"}, 401), ("HEAD", NAVIGATION, 401),
        ("GET", IMAGE, 401), ("GET", FETCH, 401), ("GET", NAVIGATION | {"Sec-Purpose": "prefetch;prerender"}, 401),
        ("GET", NAVIGATION | {"Sec-Fetch-Dest": "iframe"}, 401), ("POST", NAVIGATION, 401), ("PUT", FETCH, 401),
        ("DELETE", {}, 401), ("OPTIONS", {}, 401), ("FOO", html, 401),
    ]:
        answer = site.at(HOST, "/page?x=%26&y", client, method, headers=headers)
        assert answer.status_code == status, (method, headers)
        assert answer.headers["cache-control"] == "no-store" and "strict-transport-security" in answer.headers
        if status == 302:
            assert answer.headers["location"].startswith(f"{site.url}/gate.html?site=https%3A%2F%2Fsite.localhost%3A{site.port}&return=%2Fpage%3Fx%3D%2526%26y&state=")
        else:
            assert answer.headers.get_list("www-authenticate") == [f'Bearer realm="{site.url}"']
            assert "set-cookie" not in answer.headers and "location" not in answer.headers


def test_a_refused_token_is_told_so_and_not_sent_to_sign_in(site, client):
    """T082: a program that has a token can act on that."""
    answer = site.at(HOST, "/", client, headers={"Authorization": "Bearer a.b.c"})
    assert answer.status_code == 401 and answer.headers.get_list("www-authenticate") == [f'Bearer realm="{site.url}", error="invalid_token"']


def upload(site, path, version, size, *options):
    """curl sends so many zeros: (status, bytes that left)."""
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", "--cacert", site.dir / "tls/cert.pem", version,
               "-X", "POST", "-T", size, "-H", "Expect:", "--max-time", "60", "--resolve", f"{HOST}:{site.port}:127.0.0.1", *options,
               f"https://{HOST}:{site.port}{path}"]
    answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False).stdout.split()
    return int(answer[0]), int(answer[1])


@contextlib.contextmanager
def files_written(folder):
    """The names of all files that appear below the folder meanwhile."""
    found, over = set(), threading.Event()

    def look():
        while not over.is_set():
            found.update(path.name for path in folder.rglob("*") if path.is_file())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def gigabyte(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "gigabyte"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    return path


@pytest.mark.parametrize("headers", [[], ["-H", "Sec-Fetch-Mode: navigate"], ["-H", "Transfer-Encoding: chunked"]], ids=["program", "form", "chunked"])
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_gigabyte_without_a_credential_is_answered_at_once_and_stored_nowhere(site, gigabyte, version, headers):
    """T086: the sign-in may have ended while somebody chose a file."""
    if version == "--http2" and "Transfer-Encoding: chunked" in headers:
        headers = []
    for path in ("/upload", "/api/echo", "/tallystick/land", "/tallystick/signout"):
        with files_written(site.dir / "nginx/temp") as written:
            status, sent = upload(site, path, version, gigabyte, *headers)
        assert status in ((401, 413) if path != "/tallystick/signout" else (302, 405, 413)) or path == "/tallystick/land" and status == 405, path
        assert sent < 64 << 20 and not written, (path, sent, written)


def test_a_refusal_does_not_wait_for_the_body(site):
    """T086: the header alone is answered."""
    for headers in ("", "Sec-Fetch-Mode: navigate\r\n", "Accept: text/html\r\n"):
        for framing in ("Content-Length: 1073741824", "Transfer-Encoding: chunked"):
            with site.socket(name=HOST) as connection:
                connection.sendall(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\n{headers}{framing}\r\n\r\n".encode())
                assert b" 401 " in connection.recv(4096)


def test_many_slow_uploads_without_a_credential_occupy_no_program(site):
    """T182: `enter` has eight threads."""
    slow = [site.socket(name=HOST) for _ in range(40)]
    for connection in slow:
        connection.sendall(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1073741824\r\n\r\n".encode())
    for _ in range(5):
        assert site.at(HOST, "/").status_code == 401
    for connection in slow:
        assert b" 401 " in connection.recv(4096)
        connection.close()


# What a refusal looks like.

FORBIDDEN = """
set $tallystick_site https://staff.localhost:PORT;
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
include tallystick/server/site.conf;
location / {
  auth_request /tallystick/check/staff;
  include tallystick/location/guarded-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://demo_application;
}
location /gone/ {
  include tallystick/location/guard-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://unix:DIR/run/nobody.sock;
}
location /files/ {
  include tallystick/location/guard-pages.conf;
  root DIR/log;
}
location /nothing/ {
  include tallystick/location/guard-pages.conf;
  root DIR/log;
}
"""


@pytest.fixture(scope="module")
def staff(site, alice):
    (site.dir / "log/files").mkdir(exist_ok=True)
    site.add_site("staff", FORBIDDEN)
    visitor = Visitor(site, alice)
    visitor.ask("staff.localhost", "/")
    location = visitor.handover(visitor.ask("staff.localhost", "/").headers["location"])
    assert visitor.ask("staff.localhost", location.partition(str(site.port))[2]).status_code == 303
    return visitor


def is_page(answer, status, words):
    assert answer.status_code == status and answer.headers["content-type"].startswith("text/html"), answer.text
    assert words in answer.text and "<script" not in answer.text
    assert answer.headers.get_list("cache-control") == ["no-store"] and "style-src 'sha256-" in answer.headers["content-security-policy"]
    return True


def test_a_refusal_is_a_page_for_a_browser_and_json_for_a_program(site, staff, alice, client):
    """T083, T214; RFC 6750 §3.1: with its challenge."""
    staff.client = client
    cross = {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.test"}
    for path, method, more, status, words, error in [
        ("/x", "GET", {}, 403, "not for your account", "insufficient_scope"),
        ("/x", "POST", {"Origin": staff.origin("staff.localhost")}, 403, "not for your account", "insufficient_scope"),
        ("/x", "POST", cross, 403, "another", "cross_site"),
        ("/files/", "GET", {}, 403, "", "forbidden"),
        ("/nothing/x", "GET", {}, 404, "", "not_found"),
        ("/gone/x", "GET", {}, 502, "", "temporarily_unavailable"),
    ]:
        assert is_page(staff.ask("staff.localhost", path, method, NAVIGATION | more), status, words), path
        answer = staff.ask("staff.localhost", path, method, FETCH | more)
        assert answer.status_code == status and answer.json()["error"] == error, path
        if error in ("insufficient_scope", "cross_site"):
            for each in (answer, staff.ask("staff.localhost", path, method, NAVIGATION | more)):
                assert f'error="{error}"' in each.headers["www-authenticate"]
        # A token says more than a cookie, and the answer is the same.
        if error == "insufficient_scope":
            answer = site.at("staff.localhost", path, client, method, headers=alice.bearer)
            assert answer.status_code == status and answer.json()["error"] == error
    head = staff.ask("staff.localhost", "/x", "HEAD")
    assert head.status_code == 403 and head.content == b""


def test_the_pages_of_refusals_cannot_be_asked_for(site, inside):
    for path in ("/tallystick/errors/403.html", "/tallystick/errors/", "/tallystick/errors/../reload.js/x", "/tallystick/check", "/tallystick/",
                 "/tallystick/enter", "/tallystick/x", "/tallystick/reload.js/"):
        assert inside.ask(HOST, path).status_code == 404, path
    # What only begins like it is the application's.
    assert "nothing here" in inside.ask(HOST, "/tallystick").text and inside.ask(HOST, "/tallystickx").status_code == 404


def test_where_check_cannot_decide_nobody_is_let_in_or_sent_anywhere(unchecked):
    """T094, T097: 500, as a page or as JSON; nobody takes it for a sign-out."""
    for answer in (b"Status: 503 X\r\n\r\n", b"Status: 302 X\r\nLocation: /x\r\n\r\n", b"Status: 404 X\r\n\r\n", None):
        with in_place_of_check(unchecked, lambda params, body, answer=answer: answer) if answer else contextlib.nullcontext():
            assert is_page(unchecked.at(HOST, "/", headers=NAVIGATION), 500, "")
            program = unchecked.at(HOST, "/", headers=FETCH)
            assert program.status_code == 500 and program.json()["error"] == "temporarily_unavailable"


def test_a_denial_is_never_turned_into_a_file(unchecked):
    """`X-Accel-Redirect` in a denial of `check`, or in an answer of `enter` or `land`."""
    accel = b"X-Accel-Redirect: /tallystick/errors/403.html\r\n"
    with in_place_of_check(unchecked, lambda params, body: b"Status: 401 X\r\n" + accel + b"\r\n"):
        assert unchecked.at(HOST, "/", headers=NAVIGATION).status_code == 302
        for name, path in (("enter", "/"), ("land", "/tallystick/land")):
            real = unchecked.dir / f"run/{name}.sock"
            real.rename(real.with_suffix(".real"))
            fake = Responder(real, lambda params, body: b"Status: 401 X\r\nContent-Type: text/plain\r\n" + accel + b"\r\nseen")
            try:
                assert unchecked.at(HOST, path, headers=NAVIGATION).text == "seen"
            finally:
                fake.close()
                real.with_suffix(".real").rename(real)


# What applications see.

OURS = [GATE, STATE, BOUNCES, "__Host-refresh-binding"]


def seen(site, alice, host, *cookies):
    """The cookies that the application got for these lines of `Cookie`."""
    lines = "".join(f"Cookie: {cookie}\r\n" for cookie in cookies)
    request = f"GET /api/echo HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {alice.token}\r\n{lines}Connection: close\r\n\r\n"
    answer = site.raw(request.encode(), name=host)
    assert status_of(answer) == [200], answer
    return json.loads(answer[answer.index(b"{"):].splitlines()[0])["headers"].get("Cookie")


@pytest.mark.parametrize("name", OURS)
def test_an_application_never_sees_a_cookie_of_the_gate(site, alice, name):
    """Contract, section 10; wherever the cookie stands, and however it is spaced."""
    mine, x = f"{name}=a.b-c_d", "x"
    for sent, left in [
        (mine, None), (f"{mine};", None), (f" {mine}", None), (f"{mine}; a=b", "a=b"), (f"a=b; {mine}", "a=b"), (f"a=b; {mine}; c=d", "a=b; c=d"),
        (f"a=b;{mine};c=d", "a=b;c=d"), (f"a=b;  {mine}  ; c=d", "a=b;  c=d"), (f"a=b;\t{mine};\tc=d", "a=b;\tc=d"), (f"{mine}; {mine}; a=b", "a=b"),
        (f"a=b; {mine}; c=d; {mine}; e=f; {mine}", "a=b; c=d; e=f"), (f"{name}=; a=b", "a=b"), (f"{name} =q; a=b", "a=b"), (f'{name}="q"; a=b', "a=b"),
        (f"{name}=x=y; a=b", "a=b"), ("; ".join(f"{each}=1" for each in OURS) + "; a=b", "a=b"), (f"; ; {mine}; ;", None),
        # More than a browser has.
        ("; ".join([mine] * 5) + "; a=b", None),
        # Names and values that only look like it.
        (f"{x}{name}=1; a=b", f"{x}{name}=1; a=b"), (f"a={name}; b=c", f"a={name}; b=c"), (f"a={mine}", f"a={mine}"),
        ("__Host-session=1; __Secure-refresh2=2", "__Host-session=1; __Secure-refresh2=2"), ("a=b", "a=b"), ("a=b; c=d; ", "a=b; c=d"),
    ]:
        got = seen(site, alice, HOST, sent)
        if left is None:
            assert got is None, sent
        else:
            assert got is not None and [part.strip() for part in got.split(";")] == [part.strip() for part in left.split(";")], (sent, got)
    assert seen(site, alice, HOST, "a=b", mine, "c=d") == "a=b; c=d"
    assert seen(site, alice, "localhost", f"{mine}; a=b") == "a=b"


def test_the_headers_of_http_2_are_stripped_alike(site, alice):
    """HTTP/2 splits the cookies into several fields (RFC 9113 §8.2.3)."""
    headers = [(name, value) for name, value in alice.bearer.items()] + [("cookie", "a=b"), ("cookie", f"{GATE}=x"), ("cookie", "c=d"), ("host", f"{HOST}:{site.port}")]
    with site.connect(http2=True) as client:
        answer = client.get("/api/echo", headers=headers, extensions={"sni_hostname": HOST})
    assert answer.http_version == "HTTP/2" and answer.json()["headers"]["Cookie"] == "a=b; c=d"


def test_an_application_sees_no_access_token_and_no_foreign_upgrade(site, alice):
    for host in (HOST, "localhost"):
        answer = site.at(host, "/api/echo", headers=alice.bearer | {"Upgrade": "h2c", "Connection": "Upgrade", "HTTP2-Settings": "AAMAAABk"})
        assert answer.status_code == 200 and not {"Authorization", "Upgrade", "Connection"} & set(answer.json()["headers"])


# How a guard is inherited.

NESTED = """
set $tallystick_site https://nested.localhost:PORT;
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
include tallystick/server/site.conf;
include tallystick/location/guard-pages.conf;
include tallystick/location/proxy.conf;
include tallystick/location/identity-to-proxy.conf;
location / {
  proxy_pass http://example_application;
  location /deep/ {
    proxy_pass http://example_application;
    if ($arg_x = 1) { set $ignored 1; }
    if ($arg_x = 2) { proxy_pass http://example_application; }
    location ~ "^/deep/(?<rest>.+)/er$" { proxy_pass http://example_application; }
  }
}
location /staff/ { auth_request /tallystick/check/staff; proxy_pass http://example_application; }
location /own-errors/ { error_page 404 /x; proxy_pass http://example_application; }
location /own-headers/ { add_header X-Own 1; proxy_pass http://example_application; }
location ~ "^/group/(.*)$" { proxy_pass http://example_application/$1; }
location /open/ {
  include tallystick/location/open.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-cleared-proxy.conf;
  proxy_pass http://example_application;
  location /open/again/ {
    include tallystick/location/guard.conf;
    include tallystick/location/proxy.conf;
    include tallystick/location/identity-to-proxy.conf;
    proxy_pass http://example_application;
  }
}
"""


def test_a_guard_of_the_server_holds_in_every_location(site, alice, user, client):
    """T209, T212: also where the location has error pages, headers, nested locations or an `if` of its own."""
    site.add_site("nested", NESTED)
    host = "nested.localhost"
    inside = Visitor(site, alice, client)
    assert inside.come_in(host, "/x").json()["headers"]["X-Auth-User"] == "alice"
    for path in ("/", "/deep/x", "/deep/x?x=1", "/deep/x?x=2", "/deep/x/er", "/own-errors/x", "/own-headers/x", "/group/x", "/staff/x", "/open/again/x"):
        refused = site.at(host, path, client, headers=FETCH | {"X-Auth-User": "root"})
        assert refused.status_code == 401 and '"method"' not in refused.text, path
        if path not in ("/own-errors/x", "/open/again/x"):
            assert site.at(host, path, client, headers=NAVIGATION).status_code == 302, path
        for kind, headers in ((FETCH, {}), (FETCH, alice.bearer)):
            answer = inside.ask(host, path, kind=kind, headers=headers | {"X-Auth-User": "root"})
            if path == "/staff/x":
                assert answer.status_code == 403 and answer.json()["error"] == "insufficient_scope"
                continue
            got = answer.json()["headers"]
            assert answer.status_code == 200 and got["X-Auth-User"] == "alice" and not {"Cookie", "Authorization"} & set(got), path
            # With an `add_header` of its own a location has none of the server's.
            assert (answer.headers.get_list("cache-control") == ["no-store"]) == (path != "/own-headers/x"), path
    opened = site.at(host, "/open/x", client, headers={"X-Auth-User": "root"})
    assert opened.status_code == 200 and "X-Auth-User" not in opened.json()["headers"] and "cache-control" not in opened.headers
    # The way in and the way out are no part of what is guarded.
    assert inside.ask(host, "/tallystick/signout").status_code == 302 and inside.ask(host, "/tallystick/reload.js").status_code == 200
    assert site.at(host, "/tallystick/land", client).headers["cache-control"] == "no-store"


# What a browser may keep, and who may show it.


@pytest.mark.parametrize("path, kind, kept", [
    ("/", NAVIGATION, "no-store"), ("/pictures/whole.svg", IMAGE, "private, no-cache"), ("/pictures/whole.svg", NAVIGATION, "no-store"),
    ("/board.css", IMAGE | {"Sec-Fetch-Dest": "style"}, "private, no-cache"), ("/board.js", IMAGE | {"Sec-Fetch-Dest": "script"}, "private, no-cache"),
    ("/board.js", FETCH, "no-store"), ("/board.js", {}, "no-store"), ("/pictures/whole.svg", NAVIGATION | {"Sec-Fetch-Dest": "iframe"}, "no-store"),
])
def test_documents_are_not_kept_and_what_belongs_to_them_is_asked_about(inside, path, kind, kept):
    """The application says `public, max-age=3600` of its files."""
    answer = inside.ask(HOST, path, kind=kind)
    assert answer.status_code == 200 and answer.headers.get_list("cache-control") == [kept]
    assert "expires" not in answer.headers and "pragma" not in answer.headers


def test_no_other_site_may_show_a_guarded_page_or_load_its_pictures(inside):
    answer = inside.ask(HOST, "/pictures/whole.svg", kind=IMAGE)
    assert answer.headers.get_list("cross-origin-resource-policy") == ["same-origin"]
    assert "frame-ancestors 'self'" in answer.headers.get_list("content-security-policy")


EMBEDDED = """
set $tallystick_site https://embedded.localhost:PORT;
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
include tallystick/server/site.conf;
location / {
  set $tallystick_embedders https://other.localhost:PORT,https://third.localhost:PORT;
  set $tallystick_frame_ancestors "'self' https://other.localhost:PORT";
  include tallystick/location/guard-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://demo_application;
  location /pictures/halves.svg { proxy_pass http://demo_application; include tallystick/location/proxy.conf; }
}
"""


def test_a_site_that_others_may_embed_names_them(site, alice, client):
    site.add_site("embedded", EMBEDDED)
    host = "embedded.localhost"
    visitor = Visitor(site, alice, client)
    visitor.come_in(host)
    foreign = IMAGE | {"Sec-Fetch-Site": "same-site"}
    for referrer, status in (("https://other.localhost:PORT/page", 200), ("https://third.localhost:PORT/", 200), ("https://other.localhost/page", 403),
                             ("https://other.localhost:PORT.evil.test/", 403), (None, 403), ("https://evil.test/?https://other.localhost:PORT/", 403)):
        headers = {"Referer": referrer.replace("PORT", str(site.port))} if referrer else {}
        answer = visitor.ask(host, "/pictures/whole.svg", kind=foreign, headers=headers)
        assert answer.status_code == status, referrer
        if status == 200:
            assert answer.headers.get_list("cross-origin-resource-policy") == ["same-site"]
        # A nested location does not inherit the list.
        assert visitor.ask(host, "/pictures/halves.svg", kind=foreign, headers=headers).status_code == 403
    post = visitor.ask(host, "/notes", "POST", foreign | {"Origin": visitor.origin("other.localhost")}, data={"text": "x"})
    assert post.status_code == 403
    assert f"frame-ancestors 'self' https://other.localhost:{site.port}" in visitor.ask(host, "/").headers.get_list("content-security-policy")


def test_the_guarded_files_of_the_issuers_own_host_are_pages(site, inside, alice, client):
    inside.client = client
    try:
        assert GUARDED in inside.ask("localhost", "/private/").text
        assert site.at("localhost", "/private/", client, headers=NAVIGATION).headers["location"].startswith(f"{site.url}/gate.html?site=https%3A%2F%2Flocalhost%3A{site.port}&return=%2Fprivate%2F&")
        assert is_page(inside.ask("localhost", "/private/staff/"), 403, "not for your account")
        assert site.at("localhost", "/private/", client).json()["error"] == "invalid_token"
    finally:
        inside.client = None
