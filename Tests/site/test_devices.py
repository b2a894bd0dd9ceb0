"""Device tokens through nginx: the example's folder, real programs, and what of a request decides.

Contract, section 12. Section C with a device token, for every way to guard something: test_guards.py.
"""

import base64
import os
import re
import shutil
import subprocess

import pytest
from fastcgi import Responder
from site_under_test import free_port, status_of
from visitor import FETCH, NAVIGATION, Visitor

HOST = "site.localhost"


class Owner:
    """A fresh account with a device token."""

    def __init__(self, site, **values):
        self.site, self.account = site, site.register()
        self.name = self.account.name
        self.made = self.make(**values)
        self.token = self.made["token"]

    def make(self, name="git", sites=None, read_only=False, expires_in=None):
        body = {"name": name, "sites": sites, "read_only": read_only, "expires_in": expires_in}
        answer = self.site.post("/auth/devices", json=body, headers=self.account.bearer)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def end(self):
        answer = self.site.client.request("DELETE", f"/auth/devices/{self.made['id']}", headers=self.account.bearer)
        assert answer.status_code == 204

    def by_name(self, token=None):
        return {"Authorization": "Basic " + base64.b64encode(f"{self.name}:{token or self.token}".encode()).decode()}

    @property
    def ways(self):
        return [self.by_name(), {"Authorization": f"Bearer {self.token}"}, {"X-Tallystick-Device": self.token}]


@pytest.fixture
def owner(site):
    return Owner(site)


def dav(site, method, path, headers, **options):
    return site.at(HOST, f"/dav{path}", method=method, headers=headers, **options)


def test_the_route_lists_makes_and_ends_by_its_paths(site, owner):
    (listed,) = site.get("/auth/devices", headers=owner.account.bearer).json()["devices"]
    assert listed == {name: value for name, value in owner.made.items() if name != "token"}
    for path in (f"/auth/devices/{owner.made['id'].upper()}", f"/auth/devices/{owner.made['id']}/", "/auth/devices/", "/auth/devices/a/b", "/auth/devicesx"):
        answer = site.client.request("DELETE", path, headers=owner.account.bearer)
        assert answer.status_code == 404 and answer.json()["error"] == "not_found", path
    owner.end()
    assert site.get("/auth/devices", headers=owner.account.bearer).json() == {"devices": []}
    too_large = site.post("/auth/devices", content=b" " * 20_000, headers=owner.account.bearer | {"Content-Type": "application/json"})
    assert too_large.status_code == 413


def test_the_folder_of_the_example_opens_with_a_token_and_nothing_else_does(site, owner):
    """T240."""
    for way in owner.ways:
        assert dav(site, "PUT", "/note.txt", way, content=b"a note").status_code in (201, 204)
        assert dav(site, "GET", "/note.txt", way).content == b"a note"
        for host, path in ((HOST, "/"), (HOST, "/api/echo"), (HOST, "/events"), ("other.localhost", "/"), ("localhost", "/private/"),
                           ("localhost", "/api/echo"), ("second.localhost", "/private/")):
            closed = site.at(host, path, headers=way)
            assert closed.status_code == 401 and "Basic" not in closed.headers["www-authenticate"], (host, path)
    owner.end()
    for way in owner.ways:
        closed = dav(site, "GET", "/note.txt", way)
        assert closed.status_code == 401 and b"note" not in closed.content


def test_the_folder_is_real(site, owner):
    by_name, body = owner.by_name(), os.urandom(3_000_000)
    assert dav(site, "OPTIONS", "/", by_name).headers["dav"] == "1"
    assert dav(site, "MKCOL", "/a%20b/", by_name).status_code == 201 and dav(site, "MKCOL", "/a%20b/", by_name).status_code == 405
    assert dav(site, "PUT", "/a%20b/file.bin", by_name, content=body).status_code == 201
    assert dav(site, "PUT", "/none/file.bin", by_name, content=b"x").status_code == 409
    chunked = dav(site, "PUT", "/a%20b/chunked", by_name, content=(body[at:at + 70_000] for at in range(0, len(body), 70_000)))
    assert chunked.status_code == 201 and dav(site, "GET", "/a%20b/chunked", by_name).content == body
    listed = dav(site, "PROPFIND", "/a%20b/", by_name | {"Depth": "1"})
    assert listed.status_code == 207
    assert re.findall("<D:href>(.*?)</D:href>", listed.text) == ["/dav/a%20b/", "/dav/a%20b/chunked", "/dav/a%20b/file.bin"]
    assert "<D:getcontentlength>3000000</D:getcontentlength>" in listed.text
    to = {"Destination": f"https://{HOST}:{site.port}/dav/moved.bin"}
    assert dav(site, "MOVE", "/a%20b/file.bin", by_name | to).status_code == 201
    assert dav(site, "COPY", "/moved.bin", by_name | to).status_code == 403
    assert dav(site, "COPY", "/a%20b/chunked", by_name | to | {"Overwrite": "F"}).status_code == 412
    assert dav(site, "COPY", "/a%20b/chunked", by_name | {"Destination": "https://evil.test/dav/x"}).status_code == 502
    assert dav(site, "GET", "/moved.bin", by_name).content == body
    for path in ("/../x", "/%2e%2e/x", "/a%00b", "/..%2fx"):
        assert dav(site, "PUT", path, by_name, content=b"x").status_code in (400, 401, 404, 405)
    assert dav(site, "DELETE", "/a%20b/", by_name).status_code == 204
    assert dav(site, "PROPFIND", "/a%20b/", by_name | {"Depth": "0"}).status_code == 404
    # Another account has another folder.
    assert dav(site, "GET", "/moved.bin", Owner(site).by_name()).status_code == 404


def test_a_browser_sees_the_folder_with_its_cookie_and_writes_only_for_the_site_itself(site, owner):
    """T246."""
    assert dav(site, "PUT", "/seen.txt", owner.by_name(), content=b"seen").status_code == 201
    visitor = Visitor(site, owner.account)
    assert "seen.txt" in visitor.come_in(HOST, "/dav/").text
    own = {"Origin": visitor.origin(HOST)}
    assert visitor.ask(HOST, "/dav/by-page.txt", "PUT", FETCH, own, content=b"x").status_code == 201
    foreign = visitor.ask(HOST, "/dav/by-page.txt", "PUT", FETCH, {"Origin": "https://evil.test"}, content=b"x")
    assert foreign.status_code == 403 and foreign.json()["error"] == "cross_site"
    # One that keeps the token as the site's password gives it to no other page.
    for headers in ({"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}):
        for method in ("PUT", "DELETE", "POST"):
            assert dav(site, method, "/seen.txt", owner.by_name() | headers).status_code == 403
    assert dav(site, "GET", "/seen.txt", owner.by_name()).content == b"seen"


def test_programs_are_asked_for_a_password_and_browsers_are_sent_to_sign_in(site):
    realm = f'realm="{site.url}"'
    for method in ("GET", "PUT", "PROPFIND"):
        denied = dav(site, method, "/x", {})
        assert denied.status_code == 401
        assert denied.headers.get_list("www-authenticate") == [f'Bearer {realm}, Basic {realm}, charset="UTF-8"']
    page = dav(site, "GET", "/", NAVIGATION)
    assert page.status_code == 302 and "Basic" not in page.headers.get("www-authenticate", "")
    assert "Basic" not in dav(site, "GET", "/", FETCH).headers["www-authenticate"]


def test_a_token_is_held_to_its_sites(site):
    owner = Owner(site, sites=[f"https://other.localhost:{site.port}"])
    for way in owner.ways:
        assert dav(site, "GET", "/", way).status_code == 401
    here = owner.make(sites=[f"https://other.localhost:{site.port}", f"https://{HOST}:{site.port}"])["token"]
    assert dav(site, "GET", "/", owner.by_name(here)).status_code == 200
    for host in ("site.localhost", f"other.localhost:{site.port}"):
        spoofed = owner.ways[0] | {"X-Forwarded-Host": host, "X-Tallystick-Site": f"https://{host}", "TALLYSTICK_SITE": f"https://{host}"}
        assert dav(site, "GET", "/", spoofed).status_code == 401


def test_a_token_that_may_only_read_changes_nothing(site, owner):
    token = owner.make(read_only=True)["token"]
    assert dav(site, "PUT", "/kept.txt", owner.by_name(), content=b"kept").status_code == 201
    for way in (owner.by_name(token), {"Authorization": f"Bearer {token}"}, {"X-Tallystick-Device": token}):
        for method in ("GET", "HEAD", "OPTIONS", "PROPFIND"):
            assert dav(site, method, "/kept.txt", way | {"Depth": "0"}).status_code in (200, 207)
        for method in ("PUT", "DELETE", "MKCOL", "COPY", "MOVE", "POST", "PATCH", "LOCK", "FOO_BAR"):
            refused = dav(site, method, "/kept.txt", way | {"Destination": "/dav/moved"})
            assert refused.status_code == 403 and 'error="insufficient_scope"' in refused.headers["www-authenticate"], method
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            assert dav(site, "GET", "/kept.txt", way | {name: "DELETE"}).status_code == 403
    assert dav(site, "GET", "/kept.txt", owner.by_name()).content == b"kept"


def test_two_tokens_in_one_request_are_none(site, owner):
    authorization = f"Authorization: {owner.by_name()['Authorization']}"
    device = f"X-Tallystick-Device: {owner.token}"
    for lines, statuses in (([authorization], [200]), ([device], [200]), ([authorization, authorization], [400]),
                            # nginx before 1.23 passes the first of two.
                            ([device, "X-Tallystick-Device: x"], [401, 200]), (["X-Tallystick-Device: x", device], [401])):
        request = "\r\n".join(["GET /dav/ HTTP/1.1", f"Host: {HOST}", *lines, "Connection: close", "", ""])
        (status,) = status_of(site.raw(request.encode(), name=HOST))
        assert status in statuses, lines


APPLICATION = """
set $tallystick_site https://app.localhost:PORT;
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
location / {
  include tallystick/location/guard-devices.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  include tallystick/location/authorization-to-proxy.conf;
  proxy_pass http://example_application;
}
"""


def test_an_application_gets_its_own_authorization_and_never_a_token_of_ours(site, owner):
    """T247."""
    site.add_site("app", APPLICATION)

    def told(headers):
        answer = site.at("app.localhost", "/x", headers=headers)
        assert answer.status_code == 200, answer.text
        told = answer.json()["headers"]
        assert told["X-Auth-User"] == owner.name and "X-Tallystick-Device" not in told and owner.token not in answer.text
        return told.get("Authorization")

    device = {"X-Tallystick-Device": owner.token}
    for own in ("Basic b2Y6dGhlIGFwcGxpY2F0aW9u", "Bearer the-applications-own", "Digest x", "token abc"):
        assert told(device | {"Authorization": own}) == own
    # The colon before a token stands at any of the three places of base64.
    basics = [base64.b64encode(f"{name}:{owner.token}".encode()).decode() for name in ("a", "of", "you", owner.name)]
    for ours in (*(f"Basic {each}" for each in basics), f"basic  {basics[0]}", f"Bearer {owner.token}", f"bearer  {owner.token}", f"token {owner.token}",
                 f"Bearer {owner.account.token}"):
        assert told(device | {"Authorization": ours}) is None
    for way in (*owner.ways, owner.account.bearer):
        assert told(way) is None


OPEN = """
include tallystick/server/hygiene.conf;
include tallystick/server/errors.conf;
location / {
  include tallystick/location/open.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-cleared-proxy.conf;
  proxy_pass http://example_application;
}
"""


def test_an_application_behind_an_open_location_gets_no_device_token_that_is_sent_unasked(site, owner):
    """T247."""
    site.add_site("open", OPEN)

    def told(authorization):
        answer = site.at("open.localhost", "/x", headers={"Authorization": authorization})
        assert answer.status_code == 200 and owner.token not in answer.text
        return answer.json()["headers"].get("Authorization")

    for own in ("Basic b2Y6dGhlIGFwcGxpY2F0aW9u", "Bearer the-applications-own", "Bearer eyJhbGciOiJub25lIn0.e30.", "token ts_short",
                f"token bits_{'x' * 49}", "Digest x"):
        assert told(own) == own
    basics = [base64.b64encode(f"{name}:{owner.token}".encode()).decode() for name in ("a", "of", "you", owner.name)]
    for ours in (*(f"Basic {each}" for each in basics), f"bearer  {owner.token}", f"token {owner.token}", f'Digest username="{owner.token}"'):
        assert told(ours) is None


REQUIRED = """
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
include tallystick/location/proxy.conf;
include tallystick/location/identity-to-proxy.conf;
""" + "".join(f"""
location /{name}/ {{
  auth_request /tallystick/{question};
  include tallystick/location/guarded.conf;
  proxy_pass http://example_application;
}}""" for name, question in {
    "any": "check/staff,ops", "all": "check/staff/ops", "mixed": "check/staff/ops,admin", "one": "check/user:ann+b@c.test",
    "one-in": "check/staff/user:ann+b@c.test", "devices": "check-devices/staff/ops,user:ann+b@c.test",
    "misspelt": "check/staff//ops", "empty": "check/", "upper": "check/user:Ann+b@c.test"}.items()) + """
location /outer/ {
  auth_request /tallystick/check/staff;
  include tallystick/location/guarded.conf;
  proxy_pass http://example_application;
  location /outer/inner/ {
    proxy_pass http://example_application;
  }
  location /outer/strict/ {
    auth_request /tallystick/check/staff/ops;
    proxy_pass http://example_application;
  }
}
"""


def test_a_location_requires_any_all_or_one_by_name(site):
    """T248."""
    site.add_site("required", REQUIRED)
    ann, bob = site.register("ann+b@c.test"), site.register("bob-in-groups")
    token = site.admin("device", "add", bob.name, "git").strip()

    def opened(account):
        found = set()
        for path in ("any", "all", "mixed", "one", "one-in", "devices", "misspelt", "empty", "upper", "outer", "outer/inner", "outer/strict"):
            status = site.at("required.localhost", f"/{path}/x", headers=account.bearer).status_code
            assert status == 500 if path in ("misspelt", "empty", "upper") else status in (200, 403), (path, status)
            if status == 200:
                found.add(path)
        return found

    assert opened(ann) == {"one", "devices"}
    for groups, expected in (
            ("", set()), ("staff", {"any", "outer", "outer/inner"}), ("ops", {"any"}), ("admin", {"mixed"}),
            ("ops,staff", {"any", "all", "mixed", "devices", "outer", "outer/inner", "outer/strict"}), ("staffing,op", set())):
        site.admin("account", "groups", bob.name, groups)
        assert opened(bob) == expected, groups
        status = site.at("required.localhost", "/devices/x", headers={"X-Tallystick-Device": token}).status_code
        assert status == (200 if "devices" in expected else 403)
    site.admin("account", "groups", ann.name, "staff")
    assert opened(ann) == {"any", "one", "one-in", "devices", "outer", "outer/inner"}


# --- with real programs --------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path):
    """A home of its own for a program, so that it takes nothing from this one."""
    return {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}


def run(*command, env, stdin="", **options):
    done = subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, timeout=120, check=False, **options)
    return done.returncode, done.stdout + done.stderr


GIT = """
set $tallystick_site https://git.localhost:PORT;
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
location / {
  include tallystick/location/guard-devices.conf;
  include tallystick/location/fastcgi.conf;
  include tallystick/location/identity-to-fastcgi.conf;
  include tallystick/location/large-bodies.conf;
  fastcgi_param PATH_INFO $uri;
  fastcgi_pass unix:DIR/run/git.sock;
}
"""


@pytest.fixture
def repository(site, tmp_path):
    """git http-backend behind the guard, with one bare repository; its parameters are kept."""
    folder = tmp_path / "repositories"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", folder / "notes.git"], check=True)
    subprocess.run(["git", "-C", folder / "notes.git", "config", "http.receivepack", "true"], check=True)

    def answer(params, body):
        own = {"GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH": os.environ["PATH"], "CONTENT_LENGTH": str(len(body))}
        return subprocess.run(["git", "http-backend"], env=dict(params) | own, input=body, capture_output=True, check=True).stdout

    backend = Responder(site.dir / "run/git.sock", answer)
    site.add_site("git", GIT)
    yield backend
    backend.close()
    (site.dir / "nginx/sites/git.conf").unlink()
    site.reload()


def git(*words, env, helper=None, **options):
    # The certificate of the tests has other names; what is tested is how git signs in.
    own = ["-c", "http.sslVerify=false", "-c", "user.name=Alice", "-c", "user.email=alice@example.test"]
    if helper:
        own += ["-c", f"credential.helper={helper}"]
    return run("git", *own, *words, env=env, **options)


def test_git_clones_and_pushes_by_a_token_and_no_more_once_it_is_ended(site, owner, repository, home, tmp_path):
    url, clone = f"https://git.localhost:{site.port}/notes.git", tmp_path / "clone"
    helper = f'!f() {{ echo "username={owner.name}"; echo "password={owner.token}"; }}; f'
    status, said = git("clone", "-q", url, clone, env=home)
    assert status == 128 and "could not read Username" in said, said  # git understands what it is asked for
    assert git("clone", "-q", url, clone, env=home, helper=helper)[0] == 0
    (clone / "note.txt").write_text("a note\n" * 300_000)
    for words in (("add", "."), ("commit", "-q", "-m", "a note"), ("push", "-q", "origin", "HEAD:main")):
        status, said = git(*words, env=home, helper=helper, cwd=clone)
        assert status == 0, said
    again = tmp_path / "again"
    assert git("clone", "-q", url, again, env=home, helper=helper)[0] == 0
    assert (again / "note.txt").read_text() == "a note\n" * 300_000
    for params, _ in repository.seen:
        values = dict(params)
        assert values["REMOTE_USER"] == owner.name == values["HTTP_X_AUTH_USER"]
        assert not any(owner.token in value for value in values.values()) and values.get("HTTP_AUTHORIZATION", "") == ""
    # A clone is a POST, so that a token that may only read does not make one.
    reads = owner.make(read_only=True)["token"]
    status, said = git("clone", "-q", url, tmp_path / "reads", env=home, helper=helper.replace(owner.token, reads))
    assert status == 128 and "403" in said, said
    asked = len(repository.seen)
    owner.end()
    status, said = git("fetch", env=home, helper=helper, cwd=clone)
    assert status == 128 and "Authentication failed" in said, said
    assert len(repository.seen) == asked


def test_curl_takes_the_token_from_netrc(site, owner, home, tmp_path):
    (tmp_path / ".netrc").write_text(f"machine {HOST} login {owner.name} password {owner.token}\n")
    curl = ["curl", "-sS", "-n", "--cacert", site.dir / "tls/cert.pem", "--resolve", f"{HOST}:{site.port}:127.0.0.1"]
    url = f"https://{HOST}:{site.port}/dav/by-curl.txt"
    assert run(*curl, "-T", "-", "-w", "%{http_code}", url, env=home, stdin="by curl") == (0, "201")
    assert run(*curl, url, env=home) == (0, "by curl")
    # It sends nothing before it is asked, and understands the question.
    assert run(*curl, "--anyauth", url, env=home) == (0, "by curl")
    owner.end()
    assert run(*curl, "-o", "/dev/null", "-w", "%{http_code}", url, env=home) == (0, "401")


FOLDER = """
server {
  listen 127.0.0.1:%d ssl;
  listen 127.0.0.1:%d;
  server_name localhost;
  ssl_certificate DIR/tls/cert.pem;
  ssl_certificate_key DIR/tls/key.pem;
  include tallystick/server/hygiene.conf;
  include tallystick/server/check.conf;
  include tallystick/server/errors.conf;
  location /dav/ {
    include tallystick/location/guard-devices.conf;
    include tallystick/location/proxy.conf;
    include tallystick/location/identity-to-proxy.conf;
    include tallystick/location/large-bodies.conf;
    proxy_pass http://dav_application;
  }
  location /files/ {
    include tallystick/location/guard-devices.conf;
    root DIR/folder;
    client_max_body_size 0;
    client_body_temp_path DIR/folder/temp;
    dav_methods PUT DELETE MKCOL COPY MOVE;
    create_full_put_path on;
  }
}
"""


@pytest.fixture
def folder(site):
    """A server with the folder of the example, and with one of nginx's own module: its ports, with TLS and without."""
    ports = free_port(), free_port()
    for name in ("folder/files", "folder/temp"):
        (site.dir / name).mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(site.dir / name, *["www-data"] * 2)
    site.add_configuration("folder.conf", FOLDER % ports)
    yield ports
    (site.dir / "nginx/sites/folder.conf").unlink()
    site.reload()


def test_nginxs_own_webdav_module_is_guarded(site, owner, folder):
    with site.connect() as client:
        url = f"https://localhost:{folder[0]}/files/a/b.txt"
        assert client.put(url, content=b"x").status_code == 401
        for way in owner.ways:
            assert client.put(url, content=b"x" * 2_000_000, headers=way).status_code in (201, 204)
            assert client.get(url, headers=way).content == b"x" * 2_000_000
        reads = owner.by_name(owner.make(read_only=True)["token"])
        assert client.get(url, headers=reads).status_code == 200
        assert client.put(url, content=b"y", headers=reads).status_code == 403
        assert client.delete(url, headers=reads).status_code == 403
        assert client.request("MOVE", url, headers=owner.by_name() | {"Destination": url + "2"}).status_code in (201, 204)
        assert client.delete(url + "2", headers=owner.by_name()).status_code == 204
    assert list((site.dir / "folder/files").rglob("*.txt*")) == []


def test_cadaver_reads_and_writes_the_folder(site, owner, folder, home, tmp_path):
    (tmp_path / ".netrc").write_text(f"machine localhost login {owner.name} password {owner.token}\n")
    (tmp_path / ".netrc").chmod(0o600)
    (tmp_path / "up.txt").write_text("from cadaver")
    # Without TLS: it takes no certificate that is signed by itself unless a person says so.
    url = f"http://localhost:{folder[1]}/dav/"
    status, said = run("cadaver", url, env=home, cwd=tmp_path,
                       stdin="mkcol box\ncd box\nput up.txt\nls\nmove up.txt moved.txt\nget moved.txt down.txt\ndelete moved.txt\nquit\n")
    assert "succeeded" in said and (tmp_path / "down.txt").read_text() == "from cadaver", said
    owner.end()
    status, said = run("cadaver", url, env=home, cwd=tmp_path, stdin="ls\nquit\n")
    assert "401" in said or "uthentication" in said, said
