"""Device tokens: made, listed and ended by their account; what opens and what does not at `check`.

Contract, section 12. Each refusal is asked for as somebody would who wants more than a token gives.
"""

import base64
import json
import re
import threading
import time

import pytest
from harness import ISSUER
from tokens import claims

SITE, OTHER = "https://dav.example.test", "https://git.example.test"
UNKNOWN = "a" * 26
TOKEN = re.compile(r"ts_[0-9A-Za-z]{49}")
DAY = 86_400

pytestmark = pytest.mark.settings(SITES=f"{SITE},{OTHER}")


class Owner:
    """An account with a session, and its device tokens."""

    def __init__(self, host, name="alice"):
        self.host, self.name = host, name
        self.token = host.register(name).token

    def make(self, name="git", sites=None, read_only=False, expires_in=None, body=None, **more):
        body = {"name": name, "sites": sites, "read_only": read_only, "expires_in": expires_in} if body is None else body
        return self.host.call("devices", body=body, token=self.token, **more)

    def made(self, **values):
        answer = self.make(**values)
        assert answer.status == 201, answer.raw
        return answer.json

    @property
    def devices(self):
        answer = self.host.call("devices", "GET", token=self.token)
        assert answer.status == 200 and set(answer.json) == {"devices"}
        return answer.json["devices"]

    def end(self, device, **more):
        return self.host.call("devices", "DELETE", token=self.token, params=[("PATH_INFO", f"/{device}")], **more)


@pytest.fixture
def alice(host):
    return Owner(host)


def basic(name, token):
    return ("Authorization", "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode())


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def header(token):
    return ("X-Tallystick-Device", token)


def ways(token, name="alice"):
    return [bearer(token), basic(name, token), header(token)]


def check(host, *headers, site=SITE, devices="on", method="GET", require=None):
    params = [("AUTH_DEVICES", devices), ("TALLYSTICK_SITE", site), ("AUTH_REQUIRE", require)]
    return host.call("check", method, headers=headers, params=params)


def test_a_token_is_made_and_shown_this_once(alice):
    """T241."""
    before = int(time.time())
    answer = alice.make("CalDAV – Büro", [SITE, OTHER], True, 30 * DAY)
    assert answer.status == 201 and answer.header("Cache-Control") == "no-store"
    made = answer.json
    assert list(made) == ["id", "name", "sites", "read_only", "created_at", "last_used_at", "expires_at", "token"]
    assert re.fullmatch("[a-z2-7]{26}", made["id"]) and TOKEN.fullmatch(made["token"])
    assert made["name"] == "CalDAV – Büro" and made["sites"] == [SITE, OTHER] and made["read_only"] is True
    assert before <= made["created_at"] <= time.time() and made["last_used_at"] is None
    assert made["expires_at"] == made["created_at"] + 30 * DAY
    (listed,) = alice.devices
    assert listed == {name: value for name, value in made.items() if name != "token"}
    plain = alice.made()
    assert (plain["sites"], plain["read_only"], plain["expires_at"]) == (None, False, None)
    assert {each["id"] for each in alice.devices} == {made["id"], plain["id"]}


def test_the_store_and_the_log_never_have_a_token(alice):
    """T241."""
    made = alice.made()
    for way in ways(made["token"]):
        assert check(alice.host, way).status == 204
        assert check(alice.host, way, site=None, devices=None).status == 401
    alice.end(made["id"])
    for way in ways(made["token"]):
        assert check(alice.host, way).status == 401
    alice.host.stop()
    secrets = [made["token"], made["token"][3:46], basic("alice", made["token"])[1][6:]]
    for path in [alice.host.logs, *alice.host.state.rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret.encode() in data for secret in secrets), path
    assert {event["event"] for event in alice.host.events} >= {"device_made", "device_ended", "token_refused"}


def test_a_token_opens_in_three_ways_and_says_whose_it_is(alice):
    made = alice.made()
    alice.host.admin("account", "groups", "alice", "staff,ops")
    for way in ways(made["token"]) + [basic("ALICE", made["token"])]:
        answer = check(alice.host, way)
        assert answer.status == 204 and answer.body == b""
        assert answer.header("X-Auth-User") == "alice" and answer.header("X-Auth-Groups") == "staff,ops"
        assert answer.header("X-Auth-Subject") == claims(alice.token)["sub"]
        assert answer.header("X-Auth-Session") == made["id"]
        assert made["token"].encode() not in answer.raw
    assert check(alice.host, bearer(made["token"]), require="staff/ops").status == 204
    assert check(alice.host, bearer(made["token"]), require="admin").status == 403


def test_a_token_counts_at_check_alone_and_only_where_it_is_let_in(alice):
    """T240."""
    token = alice.made()["token"]
    for program, method in [("me", "GET"), ("sessions", "GET"), ("devices", "GET"), ("revoke", "POST")]:
        for way in ways(token):
            answer = alice.host.call(program, method, headers=[way])
            assert answer.status == 401 and "Basic" not in answer.header("WWW-Authenticate")
    assert alice.host.call("handover", headers=[bearer(token)], body={"site": SITE, "state": "s", "return": "/"}).status == 401
    assert alice.host.call("devices", headers=[bearer(token)],
                           body={"name": "x", "sites": None, "read_only": False, "expires_in": None}).status == 401
    for devices in (None, "", "off", "ON", "yes", "on "):
        for way in ways(token):
            answer = check(alice.host, way, devices=devices)
            assert answer.status == 401 and "Basic" not in answer.header("WWW-Authenticate")
    assert check(alice.host, bearer(alice.token)).status == 204


@pytest.mark.parametrize("method, ends", [("POST", None), ("POST", 60)])
def test_an_old_login_makes_no_token(alice, method, ends):
    """T242."""
    alice.host.back_in_time(601)
    forged = alice.make(expires_in=ends)
    assert forged.status == 403 and forged.error == "login_required"
    assert alice.devices == []
    # A refresh is no login; a login is.
    answer = alice.host.login()
    alice.host.back_in_time(590)
    alice.token = answer.token
    assert alice.make().status == 201


def test_a_refresh_does_not_make_a_login_younger(alice):
    """T242."""
    answer = alice.host.login()
    alice.host.back_in_time(601)
    alice.token = alice.host.refresh(answer.cookie).token
    assert alice.make().error == "login_required"


@pytest.mark.parametrize("body", [
    {}, [], "x", None, {"name": "git"}, {"name": "git", "sites": None, "read_only": False},
    {"name": "git", "sites": None, "read_only": False, "expires_in": None, "account": UNKNOWN},
    *({"name": name, "sites": None, "read_only": False, "expires_in": None}
      for name in ("", " ", " git", "git ", "a\nb", "a\u202eb", "x" * 65, "\x00", 7, None, ["git"])),
    *({"name": "git", "sites": sites, "read_only": False, "expires_in": None}
      for sites in ([], SITE, [SITE, SITE], [SITE, None], [7], ["*"], ["https://*.example.test"], [SITE + "/"], [SITE.upper()],
                    ["http://dav.example.test"], {}, True, 0, [[SITE]])),
    *({"name": "git", "sites": None, "read_only": value, "expires_in": None} for value in (None, 0, 1, "true", [])),
    *({"name": "git", "sites": None, "read_only": False, "expires_in": value}
      for value in (0, -1, 1.5, "60", True, [], 3660 * DAY + 1, 10**30)),
])
def test_what_is_no_wish_for_a_token_is_refused(alice, body):
    """T169."""
    data = json.dumps(body).encode()
    answer = alice.host.call("devices", raw_body=data, token=alice.token)
    assert answer.status == 400 and answer.error == "invalid_request"
    assert alice.devices == []


def test_the_body_is_json_and_small_and_says_nothing_twice(alice):
    wish = b'{"name":"git","sites":null,"read_only":false,"expires_in":null}'
    twice = wish.replace(b'"read_only":false', b'"read_only":true,"read_only":false')
    assert alice.host.call("devices", raw_body=twice, token=alice.token).error == "invalid_request"
    assert alice.host.call("devices", raw_body=wish + b" " * 16_384, token=alice.token).status == 413
    for kind in ("text/plain", None):
        answer = alice.host.call("devices", raw_body=wish, token=alice.token, params=[("CONTENT_TYPE", kind)])
        assert answer.status == 415
    assert alice.host.call("devices", raw_body=wish, token=alice.token).status == 201


def test_a_site_that_is_not_known_is_refused(alice):
    for sites in (["https://evil.test"], [SITE, "https://evil.test"], [SITE + ".evil.test"], [SITE + ":8443"]):
        answer = alice.make(sites=sites)
        assert answer.status == 403 and answer.error == "unknown_site"
    assert alice.make(sites=[ISSUER]).status == 201


def test_nobody_sees_or_ends_what_belongs_to_another(alice):
    """T243."""
    made = alice.made()
    bob = Owner(alice.host, "bob")
    assert bob.devices == []
    foreign, unknown = bob.end(made["id"]), bob.end(UNKNOWN)
    assert foreign.status == 404 and foreign.raw == unknown.raw
    for wrong in ("", "x", made["id"].upper(), made["id"] + "a", made["id"][:-1], f"{made['id']}/x", "../" + made["id"]):
        assert alice.end(wrong).status in (404, 405)
    for way in (bearer("x.y.z"), bearer(made["token"])):
        assert alice.host.call("devices", "DELETE", headers=[way], params=[("PATH_INFO", f"/{made['id']}")]).status == 401
    assert check(alice.host, bearer(made["token"])).status == 204
    assert alice.end(made["id"]).status == 204 and alice.end(made["id"]).status == 404
    assert check(alice.host, bearer(made["token"])).status == 401


def test_methods_and_origins_are_held_to_the_contract(alice):
    made = alice.made()
    below = [("PATH_INFO", f"/{made['id']}")]
    for method, params in [("PUT", []), ("PATCH", []), ("HEAD", []), ("DELETE", []), ("GET", below), ("POST", below)]:
        answer = alice.host.call("devices", method, token=alice.token, params=params,
                                 body={"name": "x", "sites": None, "read_only": False, "expires_in": None})
        assert answer.status == 405 and answer.header("Allow") == "GET, POST, DELETE", method
    for headers in ([("Sec-Fetch-Site", "cross-site")], [("Origin", "https://evil.test")], [("Sec-Fetch-Site", "same-site")]):
        assert alice.make(headers=headers).error == "cross_site"
        assert alice.end(made["id"], headers=headers).error == "cross_site"
    assert len(alice.devices) == 1


def test_what_ends_a_session_does_not_end_a_token(alice):
    token = alice.made()["token"]
    host = alice.host
    host.call("logout", token=alice.token)
    assert check(host, bearer(token)).status == 204
    alice.token = host.login().token
    host.call("revoke", token=alice.token)
    assert check(host, bearer(token)).status == 204
    alice.token = host.login().token
    body = {"current_password": "correct horse battery staple", "new_password": "another fine phrase"}
    assert host.call("password", token=alice.token, body=body).status == 200
    assert check(host, bearer(token)).status == 204
    host.admin("account", "revoke", "alice")
    assert check(host, bearer(token)).status == 204


def test_what_ends_a_token_is_seen_at_the_next_request(alice):
    """T244."""
    host = alice.host
    made = [alice.made(name=name) for name in "abcd"]
    first, *rest = [each["token"] for each in made]

    def open_ones():
        return sum(check(host, way).status == 204 for each in [first, *rest] for way in ways(each))

    assert open_ones() == 12
    assert alice.end(made[0]["id"]).status == 204
    assert open_ones() == 9
    host.admin("device", "end", made[1]["id"])
    assert open_ones() == 6
    host.admin("account", "disable", "alice")
    assert open_ones() == 0
    host.admin("account", "enable", "alice")
    assert open_ones() == 6
    host.admin("account", "revoke", "alice", "--devices")
    assert open_ones() == 0
    again = host.admin("device", "add", "alice", "again").stdout.strip()
    assert check(host, bearer(again)).status == 204
    host.admin("account", "delete", "alice")
    assert check(host, bearer(again)).status == 401


def test_a_name_that_was_deleted_and_made_again_has_no_old_token(alice):
    """T244."""
    token = alice.made()["token"]
    alice.host.admin("account", "delete", "alice")
    Owner(alice.host, "alice")
    for way in ways(token):
        assert check(alice.host, way).status == 401


def test_a_token_ends_when_it_says(alice):
    """T244."""
    made = alice.made(expires_in=60)
    with alice.host.database() as opened:
        opened.execute("UPDATE device SET expires_at = ?", (int(time.time()) + 2,))
    assert check(alice.host, bearer(made["token"])).status == 204
    with alice.host.database() as opened:
        opened.execute("UPDATE device SET expires_at = ?", (int(time.time()) - 1,))
    alice.host.stop()
    assert check(alice.host, bearer(made["token"])).status == 401
    assert alice.devices == []
    alice.host.admin("session", "prune")
    with alice.host.database() as opened:
        assert opened.execute("SELECT count(*) FROM device").fetchone()[0] == 0


def test_the_last_use_is_known_to_the_hour(alice):
    made, unused = alice.made(), alice.made(name="unused")
    before = int(time.time())
    assert check(alice.host, bearer(made["token"])).status == 204
    assert check(alice.host, basic("bob", unused["token"])).status == 401
    alice.host.stop()  # what is written later is written by then
    last = {each["id"]: each["last_used_at"] for each in alice.devices}
    assert last[unused["id"]] is None
    hours = {max(made["created_at"], at - at % 3600) for at in (before, int(time.time()))}
    assert last[made["id"]] in hours
    with alice.host.database() as opened:
        opened.execute("UPDATE device SET last_used_at = 3600, created_at = 0")
    assert check(alice.host, bearer(made["token"])).status == 204
    alice.host.stop()
    (last,) = [each["last_used_at"] for each in alice.devices if each["id"] == made["id"]]
    assert last % 3600 == 0 and 0 <= time.time() - last < 3600 + 60


@pytest.mark.parametrize("site, status", [(SITE, 204), (OTHER, 401), (ISSUER, 401), (None, 401), ("", 401)])
def test_a_token_is_held_to_its_sites(alice, site, status):
    """T245."""
    token = alice.made(sites=[SITE])["token"]
    for _ in range(2):
        for way in ways(token):
            assert check(alice.host, way, site=site).status == status
            assert check(alice.host, way, site=SITE).status == 204


@pytest.mark.parametrize("method, status", [
    *((method, 204) for method in ("GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT")),
    *((method, 403) for method in ("POST", "PUT", "DELETE", "PATCH", "MKCOL", "COPY", "MOVE", "LOCK", "PROPPATCH", "get", "SEARCH")),
])
def test_a_token_that_may_only_read_is_held_to_five_methods(alice, method, status):
    """T245."""
    token = alice.made(read_only=True)["token"]
    for _ in range(2):
        for way in ways(token):
            answer = check(alice.host, way, method=method)
            assert answer.status == status
            if status == 403:
                assert answer.header("WWW-Authenticate") == f'Bearer realm="{ISSUER}", error="insufficient_scope"'
    override = [("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"), ("X-Method-Override", "DELETE"), ("Upgrade", "websocket")]
    for more in override:
        assert check(alice.host, bearer(token), more, method=method).status == 403


def test_another_name_beside_a_token_opens_nothing(alice):
    """T245."""
    token = alice.made()["token"]
    Owner(alice.host, "bob")
    for _ in range(2):
        assert check(alice.host, basic("alice", token)).status == 204
        for name in ("bob", "", "nobody", "alice ", " alice", "alice\x00", "älice", "alice,bob", "*"):
            assert check(alice.host, basic(name, token)).status == 401


def test_a_token_with_any_other_character_is_none(alice):
    token = alice.made()["token"]
    for at in range(0, len(token), 5):
        other = token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1:]
        for way in ways(other):
            assert check(alice.host, way).status == 401
    for other in (token[:-1], token + "0", token.swapcase(), "ts_", "ts_" + "0" * 49, token + " ", token + "="):
        for way in ways(other):
            assert check(alice.host, way).status == 401


@pytest.mark.parametrize("value", [
    "Basic", "Basic ", "Basic !", "Basic YWxpY2U=", "Basic YWxpY2U6", "Basic Og==", "Basic " + "A" * 4000, "Digest x", "basic",
])
def test_what_is_no_device_token_beside_a_name_opens_nothing(alice, value):
    assert check(alice.host, ("Authorization", value)).status == 401
    # The password of the account is none.
    assert check(alice.host, basic("alice", "correct horse battery staple")).status == 401


def test_the_header_of_its_own_goes_first_and_nothing_takes_its_place(alice):
    made = alice.made()
    answer = check(alice.host, header(made["token"]), bearer(alice.token))
    assert answer.status == 204 and answer.header("X-Auth-Session") == made["id"]
    answer = check(alice.host, header(made["token"]), ("Authorization", "Basic b2Y6dGhlIGFwcGxpY2F0aW9u"))
    assert answer.status == 204 and answer.header("X-Auth-Session") == made["id"]
    for wrong in ("x", made["token"] + "0", f"{made['token']}, {made['token']}"):
        assert check(alice.host, header(wrong), bearer(alice.token)).status == 401


def test_two_of_one_kind_are_none(server):
    """T107."""
    token = Owner(server).made()["token"]
    for way in ways(token):
        assert check(server, way).status == 204
        assert check(server, way, way).status == 401


def test_a_browser_that_keeps_a_token_gives_it_to_no_other_page(alice):
    """T246."""
    token = alice.made()["token"]
    for more in ([("Origin", "https://evil.test")], [("Sec-Fetch-Site", "cross-site")], [("Origin", "null")]):
        for _ in range(2):
            assert check(alice.host, basic("alice", token), method="POST").status == 204
            answer = check(alice.host, basic("alice", token), *more, method="POST")
            assert answer.status == 403 and 'error="cross_site"' in answer.header("WWW-Authenticate")
    socket = [("Upgrade", "websocket"), ("Origin", "https://evil.test")]
    assert check(alice.host, basic("alice", token), *socket).status == 403


def test_programs_are_asked_for_a_password_and_browsers_are_not(alice):
    """T246."""
    realm = f'realm="{ISSUER}"'
    assert check(alice.host).header("WWW-Authenticate") == f'Bearer {realm}, Basic {realm}, charset="UTF-8"'
    answer = check(alice.host, bearer("ts_x"))
    assert answer.header("WWW-Authenticate") == f'Bearer {realm}, error="invalid_token", Basic {realm}, charset="UTF-8"'
    for browser in (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "none"), ("Accept", "text/html,*/*"), ("Origin", SITE)):
        assert check(alice.host, browser).header("WWW-Authenticate") == f"Bearer {realm}"
    assert "Basic" in check(alice.host, ("Accept", "*/*")).header("WWW-Authenticate")
    assert check(alice.host, devices=None).header("WWW-Authenticate") == f"Bearer {realm}"


def test_an_account_has_at_most_a_hundred(server):
    alice = Owner(server)
    outcomes = []

    def make():
        for _ in range(13):
            outcomes.append(alice.make().status)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(outcomes)) == [201, 409] and outcomes.count(201) == 100 and len(alice.devices) == 100
    assert alice.make().error == "too_many_devices"
    assert alice.end(alice.devices[0]["id"]).status == 204
    assert alice.make().status == 201


def test_the_administrator_adds_lists_and_ends(host):
    host.register("alice")
    token = host.admin("device", "add", "alice", "feed reader").stdout.strip()
    assert TOKEN.fullmatch(token) and check(host, basic("alice", token)).status == 204
    made = json.loads(host.admin("device", "add", "alice", "CalDAV", "--sites", f"{SITE},{OTHER}", "--read-only",
                                 "--expires-in", "90d", "--json").stdout)
    assert TOKEN.fullmatch(made[0].pop("token"))
    listed = json.loads(host.admin("device", "list", "alice", "--json").stdout)
    assert made[0] in listed and len(listed) == 2
    assert (made[0]["name"], made[0]["sites"], made[0]["read_only"]) == ("CalDAV", [SITE, OTHER], True)
    assert made[0]["expires_at"].endswith("Z") and made[0]["last_used_at"] is None
    assert "feed reader" in host.admin("device", "list", "alice").stdout
    for each in listed:
        host.admin("device", "end", each["id"])
    assert json.loads(host.admin("device", "list", "alice", "--json").stdout) == []
    assert check(host, basic("alice", token)).status == 401
    assert [event["action"] for event in host.events_named("administered")].count("device end") == 2


@pytest.mark.parametrize("words, status", [
    (("add", "nobody", "git"), 1), (("add", "alice", ""), 1), (("add", "alice", "x" * 65), 1), (("add", "alice"), 100),
    (("add", "alice", "git", "--sites", "https://evil.test"), 1), (("add", "alice", "git", "--sites", ""), 100),
    (("add", "alice", "git", "--sites", f"{SITE},{SITE}"), 100), (("add", "alice", "git", "--expires-in", "soon"), 100),
    (("add", "alice", "git", "--expires-in", "0s"), 100), (("list", "nobody"), 1), (("end", UNKNOWN), 1), (("end", "x"), 1), (("end",), 100),
])
def test_the_administrator_is_told_what_is_wrong(made, words, status):
    made.register("alice")
    done = made.admin("device", *words, check=False)
    assert done.returncode == status and done.stdout == "" and done.stderr.startswith("tallystick: ") and done.stderr.count("\n") == 1
    assert json.loads(made.admin("device", "list", "alice", "--json").stdout) == []
