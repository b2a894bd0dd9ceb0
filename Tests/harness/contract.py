"""The contract's table of errors as requests, to be sent to a program or through nginx.

Each request is that of an account named `alice`, whose password the caller chooses. None changes anything.
"""

import dataclasses
import json

UNKNOWN = "a" * 26


@dataclasses.dataclass(frozen=True)
class Row:
    """A request, and the status and code that refuse it. `credential`: the access token is `good`, `bad` or absent."""

    status: int
    code: str
    program: str
    method: str
    body: object = None
    headers: tuple = ()
    credential: str = ""
    below: str = ""
    media_type: str = "application/json"

    def __str__(self):
        return f"{self.status} {self.code} {self.program}"

    def content(self, password):
        """The bytes of the body, in which the password replaces PASSWORD; None if there is no body."""
        if self.body is None:
            return None
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).replace("PASSWORD", password).encode()


def login(password="PASSWORD", name="alice", **more):
    return {"username": name, "password": password} | more


CROSS = (("Sec-Fetch-Site", "cross-site"),)
DEVICE = {"name": "git", "sites": None, "read_only": False, "expires_in": None}
CHANGE = {"current_password": "PASSWORD", "new_password": "another fine phrase"}
ERRORS = [
    Row(400, "invalid_request", "login", "POST", b"not JSON"),
    Row(400, "invalid_request", "login", "POST", b'{"username":"alice","username":"bob","password":"x"}'),
    Row(400, "invalid_request", "login", "POST", {"username": "alice"}),
    Row(400, "invalid_request", "login", "POST", login(password=None)),
    Row(400, "invalid_request", "login", "POST", b'{"username":"alice","password":"\xff"}'),
    Row(400, "invalid_request", "register", "POST", b"[" * 600),
    Row(400, "invalid_request", "register", "POST", login(name="zoe", role="admin", id=1, token_version=99, disabled=False)),
    Row(400, "invalid_request", "password", "POST", {"new_password": "another fine phrase"}, credential="good"),
    Row(400, "invalid_request", "password", "POST", CHANGE | {"new_password": "PASSWORD"}, credential="good"),
    Row(400, "invalid_request", "devices", "POST", {"name": "git"}, credential="good"),
    Row(400, "invalid_request", "devices", "POST", DEVICE | {"sites": []}, credential="good"),
    Row(400, "invalid_request", "devices", "POST", DEVICE | {"expires_in": "60"}, credential="good"),
    Row(401, "invalid_credentials", "login", "POST", login("not the password")),
    Row(401, "invalid_credentials", "login", "POST", login(name="nobody-at-all")),
    Row(401, "invalid_credentials", "password", "POST", CHANGE | {"current_password": "not the one"}, credential="good"),
    *(Row(401, "invalid_token", program, method, body, credential=credential)
      for program, method, body in (("me", "GET", None), ("sessions", "GET", None), ("devices", "GET", None), ("devices", "POST", DEVICE), ("revoke", "POST", None), ("password", "POST", CHANGE))
      for credential in ("", "bad")),
    *(Row(401, "invalid_token", program, "DELETE", below=UNKNOWN) for program in ("sessions", "devices")),
    Row(401, "invalid_token", "refresh", "POST"),
    Row(401, "invalid_token", "refresh", "POST", credential="good"),
    Row(401, "invalid_token", "refresh", "POST", headers=(("Cookie", "__Secure-refresh=x.y.z"),)),
    Row(403, "cross_site", "login", "POST", login(), CROSS),
    Row(403, "cross_site", "register", "POST", login(name="zoe"), CROSS),
    Row(403, "cross_site", "password", "POST", CHANGE, CROSS, "good"),
    *(Row(403, "cross_site", program, "DELETE", headers=CROSS, credential="good", below=UNKNOWN) for program in ("sessions", "devices")),
    Row(403, "cross_site", "devices", "POST", DEVICE, CROSS, "good"),
    Row(403, "unknown_site", "devices", "POST", DEVICE | {"sites": ["https://evil.test"]}, credential="good"),
    *(Row(403, "cross_site", program, "POST", headers=CROSS, credential="good") for program in ("refresh", "logout", "revoke")),
    *(Row(404, "not_found", program, "DELETE", credential="good", below=UNKNOWN) for program in ("sessions", "devices")),
    *(Row(405, "method_not_allowed", program, "GET") for program in ("register", "login", "refresh", "logout", "revoke", "password")),
    *(Row(405, "method_not_allowed", program, "POST") for program in ("me", "sessions", "jwks", "health")),
    Row(409, "username_taken", "register", "POST", login()),
    Row(409, "username_taken", "register", "POST", login(name="ALICE")),
    *(Row(405, "method_not_allowed", "devices", method) for method in ("PUT", "DELETE")),
    *(Row(413, "too_large", program, "POST", b" " * 16385) for program in ("register", "login", "devices")),
    *(Row(415, "unsupported_media_type", "login", "POST", login(), media_type=text)
      for text in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16")),
    Row(422, "weak_password", "register", "POST", login("short", "zoe")),
    Row(422, "weak_password", "register", "POST", login("password", "zoe")),
    Row(422, "weak_password", "password", "POST", CHANGE | {"new_password": "1234567890123456"}, credential="good"),
    *(Row(422, "invalid_username", "register", "POST", login(name=name)) for name in ("", "al ice", "älice", "a" * 65)),
]


def is_as_the_contract_says(row, status, headers, body):
    """Status, form and headers of a refusal; `headers` gives all values of a name."""
    assert status == row.status, (status, body)
    answer = json.loads(body)
    assert set(answer) == {"error", "error_description"} and answer["error"] == row.code
    assert answer["error_description"].endswith(".") and len(answer["error_description"]) > 10
    assert headers("Content-Type") == ["application/json; charset=utf-8"] and headers("Cache-Control") == ["no-store"]
    assert headers("Set-Cookie") == []
    assert bool(headers("Allow")) == (status == 405)
    assert bool(headers("Retry-After")) == (status in (429, 503)) and all(int(value) > 0 for value in headers("Retry-After"))
    challenges = headers("WWW-Authenticate")
    assert len(challenges) == (status == 401 or row.code == "insufficient_scope")
    assert all(value.startswith('Bearer realm="https://') for value in challenges)
    # RFC 6750 §3.1: an error is named where a token was sent.
    if row.code == "invalid_token" and row.program != "refresh":
        assert ('error="invalid_token"' in challenges[0]) == (row.credential != "")
    return True
