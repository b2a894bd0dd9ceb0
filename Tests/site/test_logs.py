"""Section H, run last: what the logs contain after all other tests of the site."""

import json
import re
import subprocess
from urllib.parse import parse_qs, urlsplit

import pytest
from programs import COOKIE, ROOT, ROUTES
from site_under_test import PASSWORD, Site
from visitor import FETCH, GATE, STATE, Visitor


@pytest.fixture(scope="module")
def logs(site, alice):
    """All logs by name, after a few more requests whose secrets are known."""
    site.login("alice")
    site.login("alice", "a secret that is wrong")
    site.get(f"/private/?access_token={alice.token}", headers={"Referer": f"https://x/?t={alice.token}"})
    # T140
    refused = site.get("/auth/login", params={"username": "alice", "password": "a secret that is wrong"})
    assert refused.status_code == 405
    site.post("/auth/refresh", headers={"Cookie": alice.sent})
    return {path.name: path.read_text(errors="replace") for path in (site.dir / "log").iterdir() if path.is_file()}


def test_no_log_holds_a_token_a_cookie_or_a_password(logs, alice):
    """T216, T227."""
    assert {"access.log", "error.log", "login.log"} <= set(logs)
    for name, text in logs.items():
        for secret in (alice.token, alice.cookie, alice.token.split(".")[2], alice.cookie.split(".")[2], PASSWORD, "a secret that is wrong"):
            assert secret not in text, name
        assert not re.search(r"eyJ[\w-]+\.eyJ[\w-]+\.", text), name
        assert not re.search(r"(?i)(authorization|set-cookie|cookie): ", text), name
        assert "access_token=" not in text, name


def test_no_log_no_referrer_and_no_application_gets_a_code_of_the_gate(site):
    """T216: neither on the way in nor when somebody comes with the same address again."""
    visitor, host = Visitor(site, site.register()), "site.localhost"
    location = urlsplit(visitor.handover(visitor.ask(host, "/").headers["location"]))
    (code,), state = parse_qs(location.query)["code"], visitor.jars[host][STATE]
    told = []
    for status in (303, 403):
        landed = visitor.ask(host, f"{location.path}?{location.query}")
        assert landed.status_code == status and landed.headers.get_list("referrer-policy") == ["no-referrer"]
        told.append(visitor.ask(host, "/api/echo", kind=FETCH))
        assert told[-1].status_code == 200
    secrets = (code, state, visitor.jars[host][GATE])
    assert all(len(secret) > 20 for secret in secrets)
    for text in [answer.text for answer in told] + [path.read_text(errors="replace") for path in (site.dir / "log").glob("*.log")]:
        assert not [secret for secret in secrets if secret in text]


def test_every_line_of_the_access_log_is_one_request(logs):
    """T228: whatever the paths were."""
    lines = logs["access.log"].splitlines()
    assert len(lines) > 4
    for line in lines:
        fields = json.loads(line)
        assert fields["time"] and fields["request"] and isinstance(fields["status"], int)
        assert "?" not in fields["path"] or "%3f" in line.lower() or fields["status"] >= 400


@pytest.mark.parametrize("route", ROUTES)
def test_every_line_of_a_program_is_one_event(logs, route):
    """T228, T234."""
    for line in logs.get(f"{route}.log", "").splitlines():
        fields = json.loads(line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", fields["time"]) and fields["program"] == route and fields["event"]


def test_nginx_and_the_programs_log_one_id(logs):
    """T234: what ties their lines together."""
    seen = {json.loads(line)["request"] for line in logs["access.log"].splitlines()}
    events = [json.loads(line) for line in logs["login.log"].splitlines()]
    named = [event["request"] for event in events if event.get("request")]
    assert named and set(named) <= seen


def complained_about(site, token):
    """Requests whose headers nginx's error log quotes at some level, each with the token in them."""
    lines = f"Authorization: Bearer {token}\r\n"
    for headers in (lines * 2, f"X_Authorization: Bearer {token}\r\n", f"Cookie: a=b\r\n{token}\r\n"):
        request = f"GET /private/ HTTP/1.1\r\nHost: localhost:{site.port}\r\nConnection: close\r\n{headers}\r\n"
        assert site.raw(request.encode())[9:12] in (b"400", b"401")


def at_level(site, level):
    """The shipped configuration but for the level of the error log."""
    path = site.dir / "nginx/nginx.conf"
    text, count = re.subn(r"(?m)^(error_log .*) \w+;$", rf"\1 {level};", path.read_text())
    assert count == 1
    path.write_text(text)
    site.reload()


def built_with():
    return subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=True).stderr


def test_the_error_log_quotes_tokens_at_info_and_debug_and_not_at_the_shipped_level():
    """T216: `info` and `debug` quote header lines, which nginx/README.md warns of."""
    site = Site()
    try:
        token = site.register().token
        complained_about(site, token)
        assert token not in site.log("error")
        for level in ("warn", "notice"):
            at_level(site, level)
            complained_about(site, token)
            assert token not in site.log("error"), level
        at_level(site, "info")
        complained_about(site, token)
        assert site.log("error").count(token) >= 2
        before = site.log("error").count(token)
        at_level(site, "debug")
        assert site.get("/private/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        # Debian's nginx is built with it; without, `debug` is `info`.
        assert site.log("error").count(token) > before or "--with-debug" not in built_with()
    finally:
        site.close()


def test_the_shipped_level_is_error():
    """T216: in the one place that sets it."""
    found = [line for path in (ROOT / "nginx").rglob("*.conf") for line in path.read_text().splitlines()
             if re.match(r" *error_log ", line)]
    assert found == ["error_log /var/log/nginx/error.log error;"]
