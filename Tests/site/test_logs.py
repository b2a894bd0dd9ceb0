"""Section H, last of all: what the logs hold after everything above."""

import json
import re

import pytest
from programs import COOKIE, ROUTES
from site_under_test import PASSWORD


@pytest.fixture(scope="module")
def logs(site, alice):
    """All logs by name, after a few more requests whose secrets are known."""
    site.login("alice")
    site.login("alice", "a secret that is wrong")
    site.get(f"/private/?access_token={alice.token}", headers={"Referer": f"https://x/?t={alice.token}"})
    # T140
    refused = site.get("/auth/login", params={"username": "alice", "password": "a secret that is wrong"})
    assert refused.status_code == 405
    site.post("/auth/refresh", headers={"Cookie": f"{COOKIE}={alice.cookie}"})
    return {path.name: path.read_text(errors="replace") for path in (site.dir / "log").iterdir()}


def test_no_log_holds_a_token_a_cookie_or_a_password(logs, alice):
    """T216, T227."""
    assert {"access.log", "error.log", "login.log"} <= set(logs)
    for name, text in logs.items():
        for secret in (alice.token, alice.cookie, alice.token.split(".")[2], alice.cookie.split(".")[2], PASSWORD, "a secret that is wrong"):
            assert secret not in text, name
        assert not re.search(r"eyJ[\w-]+\.eyJ[\w-]+\.", text), name
        assert not re.search(r"(?i)(authorization|set-cookie|cookie): ", text), name
        assert "access_token=" not in text, name


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
