"""Section H: the configuration itself, as nginx reads it."""

import pathlib
import re
import subprocess
import sys

import crossplane
import pytest
from programs import ROOT, ROUTES
from site_under_test import Site

SHIPPED = ROOT / "nginx"
# What is open, as nginx/README.md lists it: (server, location).
OPEN = {
    ("localhost", "/"), ("localhost", "/public/"), ("localhost", "= /.well-known/jwks.json"),
    ("second.localhost", "/"), ("_", "(server)"),
    ("site.localhost", "= /app.webmanifest"), ("site.localhost", "= /icon.svg"),
}
# Below these paths every site of pages has the same, and it decides by itself: server/site.conf.
GATE = re.compile(r"(= |\^~ )/tallystick/")


@pytest.fixture(scope="module")
def fresh():
    """The site as it is shipped, without what other tests add, and with a port without TLS."""
    running = Site(http=True)
    yield running
    running.close()


def tree(path):
    """The directives of a configuration, includes taken in."""
    parsed = crossplane.parse(str(path), combine=True)
    assert parsed["status"] == "ok", parsed["errors"]
    return parsed["config"][0]["parsed"]


def walk(directives, inside=()):
    """(directive, the blocks around it) for each."""
    for directive in directives:
        yield directive, inside
        yield from walk(directive.get("block") or [], (*inside, directive))


def named(directives, name):
    return [directive for directive in directives if directive["directive"] == name]


def servers(path):
    http, = named(tree(path), "http")
    for server in named(http["block"], "server"):
        yield named(server["block"], "server_name")[0]["args"], server, http


def effective(name, *blocks):
    """A directive's value in the innermost block that has it."""
    for block in blocks:
        for directive in reversed(named(block["block"], name)):
            return directive["args"]
    return None


def test_no_server_undoes_what_the_guard_stands_on(fresh):
    """T208."""
    seen = 0
    for _, server, http in servers(fresh.dir / "nginx/nginx.conf"):
        seen += 1
        assert effective("underscores_in_headers", server, http) == ["off"]
        assert effective("ignore_invalid_headers", server, http) == ["on"]
        assert effective("merge_slashes", server, http) == ["on"]
        assert effective("server_tokens", server, http) == ["off"]
    assert seen == 7


def test_nothing_goes_past_the_guard_in_a_guarded_location(fresh):
    """T208: neither answers before it is asked, nor leads elsewhere."""
    guarded = 0
    for directive, inside in walk(tree(fresh.dir / "nginx/nginx.conf")):
        assert directive["directive"] not in ("satisfy", "allow", "try_files", "rewrite", "dav_methods")
        if directive["directive"] != "auth_request" or directive["args"] == ["off"]:
            continue
        guarded += 1
        assert directive["args"][0].startswith("/tallystick/check")
        block = inside[-1]["block"]
        assert not named(block, "return")
        for page in named(block, "error_page"):
            # A variable of http/site.conf, or a named location.
            answer = page["args"][-1]
            assert re.fullmatch(r"\$tallystick_\w+_answer", answer) or answer.startswith("@tallystick_") and page["args"][-2] == "="
            assert page["args"][0] != "401" or answer in ("@tallystick_enter", "@tallystick_unauthorized")
    assert guarded == 12


def test_an_answer_in_place_of_a_refusal_is_one_of_the_gates_own(fresh):
    """T214: whatever the variables of http/site.conf say, nothing guarded is behind them."""
    found = set()
    http, = named(tree(fresh.dir / "nginx/nginx.conf"), "http")
    for each in named(http["block"], "map"):
        if each["args"][-1].endswith("_answer"):
            found |= {row["args"][0] for row in each["block"]}
    assert len(found) == 7
    assert all(re.fullmatch(r"@tallystick_\w+|/tallystick/errors/[0-9a-z-]+\.html", answer) for answer in found)
    pages = {path.name for path in (SHIPPED / "www/errors").iterdir()}
    assert {answer.rpartition("/")[2] for answer in found if answer.endswith(".html")} <= pages


def is_internal(location):
    return bool(named(location["block"], "internal")) or location["args"][0].startswith("@")


def test_every_location_is_guarded_or_on_the_list_of_open_ones(fresh):
    """T209."""
    found = set()
    for names, server, _ in servers(fresh.dir / "nginx/nginx.conf"):
        if not any("ssl" in listen["args"] for listen in named(server["block"], "listen")):
            continue
        if not named(server["block"], "location"):
            found.add((names[0], "(server)"))
        for location, inside in walk(server["block"]):
            if location["directive"] != "location" or is_internal(location):
                continue
            around = [block for block in inside if block["directive"] == "location"]
            if any(is_internal(block) for block in around):
                continue
            if effective("auth_request", location, *reversed(around), server) not in (None, ["off"]):
                continue
            path = " ".join(location["args"])
            if GATE.match(path):
                continue
            # The routes decide by themselves.
            if not re.match(r"(= |\^~ |~ \^)/auth/", path):
                found.add((names[0], path))
    assert found == OPEN


def test_the_list_of_open_locations_is_written_down():
    """T209: in the README of the configuration."""
    text = (SHIPPED / "README.md").read_text()
    section = text[text.index("## What is open") :].split("\n## ")[0]
    for path in ("`/`", "`/auth/…`", "`/.well-known/jwks.json`", "`/public/`", "`/app.webmanifest`, `/icon.svg`",
                 "`/tallystick/…`", "answers 404", "answers 421"):
        assert path in section


def test_no_alias_can_be_left(fresh):
    """T210: it replaces a whole path, or one with a slash at its end by another such, and nothing guarded."""
    aliases = 0
    for one, inside in walk(tree(fresh.dir / "nginx/nginx.conf")):
        if one["directive"] == "alias":
            aliases += 1
            modifier, path = inside[-1]["args"]
            assert modifier == "=" or (modifier, path[-1], one["args"][0][-1]) == ("^~", "/", "/")
            assert path.startswith("/tallystick/") and named(inside[-1]["block"], "auth_request")[0]["args"] == ["off"]
    assert aliases == 6


def test_the_location_that_asks_is_closed_on_every_side(fresh):
    """T211."""
    found = devices = 0
    for location, _ in walk(tree(fresh.dir / "nginx/nginx.conf")):
        if location["directive"] != "location" or not named(location["block"], "fastcgi_pass"):
            continue
        block = location["block"]
        if named(block, "fastcgi_pass")[0]["args"] != ["tallystick_check"]:
            continue
        found += 1
        assert named(block, "internal")
        one = {name: named(block, name)[0]["args"] for name in {directive["directive"] for directive in block}}
        assert one["fastcgi_pass_request_body"] == one["fastcgi_pass_request_headers"] == ["off"]
        assert one["client_max_body_size"] == ["0"]
        assert "X-Accel-Redirect" in one["fastcgi_ignore_headers"]
        assert one["fastcgi_cache"] == one["fastcgi_intercept_errors"] == ["off"]
        assert one["fastcgi_keep_conn"] == ["on"] and one["fastcgi_store"] == ["/proc/tallystick/never-stored"]
        for timeout in ("connect", "send", "read"):
            assert int(one[f"fastcgi_{timeout}_timeout"][0].removesuffix("s")) <= 5
        params = {param["args"][0]: param["args"][1] for param in named(block, "fastcgi_param")}
        assert params["CONTENT_LENGTH"] == params["QUERY_STRING"] == ""
        # Beside the credentials, what a client sends can only take away (contract, section 5).
        headers = {
            "$http_authorization", "$http_origin", "$http_referer", "$http_upgrade",
            "$http_sec_fetch_site", "$http_sec_fetch_mode", "$http_sec_fetch_dest"}
        if params.get("AUTH_DEVICES") == "on":
            devices += 1
            headers |= {
                "$http_x_tallystick_device", "$http_accept", "$http_x_requested_with",
                "$http_x_http_method_override", "$http_x_http_method", "$http_x_method_override"}
        assert {value for value in params.values() if "$http_" in value} == headers
        assert params["HTTP_COOKIE"] == "$tallystick_site_cookies" and params["HTTP_HOST"] == ""
        assert not {"REQUEST_URI", "DOCUMENT_URI"} & set(params)
    assert found == 16 and devices == 8


def test_the_routes_are_given_one_cookie_path_and_one_cookie(fresh):
    """T162: the refresh location alone has HTTP_COOKIE, and its own path is REFRESH_COOKIE_PATH."""
    paths, cookies, passing = {}, [], []
    for location, _ in walk(tree(fresh.dir / "nginx/nginx.conf")):
        if location["directive"] != "location":
            continue
        params = {param["args"][0]: param["args"][1] for param in named(location["block"], "fastcgi_param")}
        passes = named(location["block"], "fastcgi_pass")
        if not passes or passes[0]["args"] == ["tallystick_check"]:
            continue
        passing.append(location)
        assert named(location["block"], "fastcgi_pass_request_headers")[0]["args"] == ["off"]
        assert not {"HTTP_PROXY", "HTTP_X_FORWARDED_FOR"} & set(params)
        name = passes[0]["args"][0].removeprefix("tallystick_")
        if "REFRESH_COOKIE_PATH" in params:
            paths[name] = params["REFRESH_COOKIE_PATH"]
        if "HTTP_COOKIE" in params:
            cookies.append((name, location["args"]))
    # The routes; and on each of three sites of pages: land, signout, enter.
    assert len(passing) == 14 + 3 * 3
    assert set(paths) == {"register", "login", "refresh", "logout", "revoke", "password"}
    assert set(paths.values()) == {"/auth/refresh"}
    of_sites = [("land", ["=", "/tallystick/land"]), ("enter", ["=", "/tallystick/signout"]), ("enter", ["@tallystick_enter"])]
    assert sorted(cookies) == sorted([("refresh", ["=", "/auth/refresh"]), *of_sites * 3])


def test_the_running_configuration_is_the_shipped_one_but_for_paths_and_ports(fresh):
    """What is tested is what is shipped."""
    for shipped in sorted(SHIPPED.rglob("*.conf")):
        # For other hosts than this one.
        if shipped.parent.name == "examples":
            continue
        running = fresh.dir / "nginx" / shipped.relative_to(SHIPPED)
        before, after = shipped.read_text().splitlines(), running.read_text().splitlines()
        for old, new in zip(before, after, strict=True):
            if old != new:
                assert re.match(
                    r" *(user|pid|error_log|access_log|root|alias|set \$tallystick_site|proxy_ssl_\w+|listen|ssl_certificate|ssl_certificate_key|\w+_temp_path|"
                    r"include tallystick/server/https|server unix:|upstream tallystick_\w+ +{ server unix:|location / { return 301)", old), old
    text = (fresh.dir / "nginx/sites/example.conf").read_text()
    for shipped_path in ("/run/tallystick/", "/usr/share/tallystick", "/etc/tallystick", "/var/log"):
        assert shipped_path not in re.sub(r"#.*", "", text)


def test_tokens_are_for_one_site_where_it_asks_for_that(fresh):
    """T101: the audience is the server's own, whatever the Host and the target say."""
    user = fresh.register()
    fresh.add_site("third", """
set $tallystick_audience https://third.localhost;
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
location /private/ { include tallystick/location/guard.conf; root "%s"; }
""" % (SHIPPED / "site"))
    assert fresh.at("second.localhost", "/private/", headers=user.bearer).status_code == 200
    for headers in (user.bearer, user.bearer | {"X-Forwarded-Host": "localhost"}):
        assert fresh.at("third.localhost", "/private/", headers=headers).status_code == 401
    absolute = f"GET https://third.localhost/private/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {user.token}\r\nConnection: close\r\n\r\n"
    assert fresh.raw(absolute.encode()).startswith(b"HTTP/1.1 401")
    # A token made for it opens it, and not the first site.
    audience = {"TALLYSTICK_AUDIENCE": "https://third.localhost"}
    other = {"Authorization": f"Bearer {fresh.admin('token', 'issue', user.name, env=audience).strip()}"}
    assert fresh.at("third.localhost", "/private/", headers=other).status_code == 200
    assert fresh.at("second.localhost", "/private/", headers=other).status_code == 401
    assert fresh.get("/auth/me", headers=other).status_code == 401


def test_nginx_and_gixy_have_nothing_to_say_about_what_runs(fresh):
    """T206: the example with its paths and ports, as it is running; tools/test lint asks about it as it is shipped."""
    configuration = fresh.dir / "nginx/nginx.conf"
    nginx = subprocess.run(
        ["nginx", "-t", "-p", f"{fresh.dir}/nginx/", "-c", configuration], capture_output=True, text=True, check=False)
    assert nginx.returncode == 0 and "test is successful" in nginx.stderr
    assert "[warn]" not in nginx.stderr and "[emerg]" not in nginx.stderr
    gixy = pathlib.Path(sys.executable).with_name("gixy")
    # `-l`: everything above information. An event stream is not buffered: location/event-stream.conf.
    found = subprocess.run([gixy, "-l", "--skips", "proxy_buffering_off", configuration], capture_output=True, text=True, check=False)
    assert found.returncode == 0 and "No issues found" in found.stdout, found.stdout


def is_kept_by_a_browser(name, path):
    """RFC 6265bis §4.1.3.2: one named __Host- is dropped unless its path is the root."""
    return not name.lower().startswith("__host-") or path == "/"


def test_no_cookie_is_named___host_with_a_path_of_its_own():
    """T143: in everything that is shipped and could set one; what is really set has Path=/ (test_companion_cookie.py)."""
    assert is_kept_by_a_browser("__Host-a", "/") and not is_kept_by_a_browser("__host-a", "/auth/refresh")
    setting = re.compile(r"(?i)\b(__host-[\w-]+)(?:[^;\n]*?;\s*path=([^;\s\"'`]*))?")
    files = [path for folder in ("Sources", "nginx", "tools") for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert len(files) > 100
    for path in files:
        for name, cookie_path in setting.findall(path.read_text(errors="replace")):
            # A name that stands alone says nothing about a path.
            assert not cookie_path or is_kept_by_a_browser(name, cookie_path), path


def test_the_sockets_are_for_the_programs_and_nginx(fresh):
    """T219."""
    run = fresh.dir / "run"
    assert run.stat().st_mode & 0o007 == 0
    sockets = list(run.glob("*.sock"))
    # The programs, and the two applications of the example.
    assert len(sockets) == len(ROUTES) + 3
    for socket in sockets:
        assert socket.is_socket() and socket.stat().st_mode & 0o777 == 0o660
        assert socket.stat().st_gid == run.stat().st_gid


def test_readme_names_every_file():
    """The tree in nginx/README.md."""
    text = (SHIPPED / "README.md").read_text()
    for path in pathlib.Path(SHIPPED).rglob("*.conf"):
        if path.parent.name != "headers":
            assert path.name in text, path
