"""Which input the programs accept, and how they refuse the rest: sections E and F of the checks."""

import pytest
from harness import GOOD, ISSUER

ROUTES = {
    "register": "POST", "login": "POST", "refresh": "POST", "logout": "POST", "revoke": "POST", "password": "POST",
    "me": "GET", "jwks": "GET", "health": "GET",
}
COMMON = {
    "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.mark.parametrize("program", ROUTES)
def test_every_other_method_is_405_with_allow_T074_T164(host, program):
    cookie = host.register().cookie
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", ""):
        if method == ROUTES[program]:
            continue
        answer = host.call(program, "X", cookie=cookie if program == "refresh" else None, params=[("REQUEST_METHOD", method)])
        assert (answer.status, answer.header("Allow")) == (405, ROUTES[program]), method
    assert host.refresh(cookie).status == 200


def test_sessions_allows_get_without_and_delete_with_an_identifier_T164(host):
    token = host.register().token
    for method, info, status in (("GET", "", 200), ("DELETE", "", 405), ("GET", "/x", 405), ("POST", "", 405)):
        assert host.call("sessions", method, token=token, params=[("PATH_INFO", info)]).status == status


@pytest.mark.parametrize("body", [
    b"", b"not json", b"[]", b'"text"', b"1", b"null", b'{"username":"alice"}', b'{"username":"alice","password":null}',
    b'{"username":"alice","password":123}', b'{"username":"alice","password":[]}', b'{"username":"alice","password":{"$ne":""}}',
    b'{"username":{"a":1},"password":"x"}', b'{"username":"alice","username":"bob","password":"%s"}' % GOOD.encode(),
    b'{"username":"alice","\\u0075sername":"bob","password":"%s"}' % GOOD.encode(),
    b'{"username":"alice","password":"%s","role":"admin"}' % GOOD.encode(),
    b'{"username":"alice","password":"%s",}' % GOOD.encode(), b'\xef\xbb\xbf{"username":"alice","password":"x"}',
    b'{"username":"alice","password":"%s"}\x00' % GOOD.encode(), b'{"username":"alice","password":"%s"} x' % GOOD.encode(),
    b'{"username":"alice","password":"\xc0\xaf"}', b'{"username":"alice","password":"\xed\xa0\x80"}',
    b'{"username":"alice","password":"\xff"}', b'{"username":"alice","password":"\\ud800"}',
    b'{"username":"alice","password":1e400}', '{"username":"alice","password":"x"}'.encode("utf-16"),
    b"/**/" + b'{"username":"alice","password":"x"}', b"[" * 600, b'{"a":' * 600,
])
def test_a_body_that_is_not_exactly_what_the_route_takes_is_400_T138_T168_to_T171(host, body):
    for program in ("login", "register"):
        answer = host.call(program, raw_body=body)
        assert (answer.status, answer.error) == (400, "invalid_request"), body
        assert set(answer.json) == {"error", "error_description"}
    assert host.admin("account", "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("kind", [
    None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx",
    "application/json, text/plain", "application/json; charset=utf-16", "application/json; charset=iso-8859-1",
])
def test_a_body_of_another_type_is_415_T152_T172(host, kind):
    answer = host.register(params=[("CONTENT_TYPE", kind)])
    assert (answer.status, answer.error) == (415, "unsupported_media_type")
    assert host.admin("account", "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
def test_an_encoded_body_is_415_T172(host, encoding):
    assert host.register(headers=[("Content-Encoding", encoding)]).status == 415


def test_a_body_over_16_kib_is_413_and_one_at_the_limit_is_read_T165(host):
    frame = b'{"username":"alice","password":"' + GOOD.encode() + b'"%s}'
    exact = frame % (b" " * (16384 - len(frame) + 2))
    assert len(exact) == 16384
    assert host.call("register", raw_body=exact).status == 201
    answer = host.call("login", raw_body=exact[:-1] + b" }")
    assert (answer.status, answer.error) == (413, "too_large")
    for length in ("1000000000", "99999999999999999999999"):
        assert host.call("login", raw_body=b"{}", params=[("CONTENT_LENGTH", length)]).status == 413


@pytest.mark.parametrize("length", ["+5", "-1", "0x10", " 5", "1e3", "5 5"])
def test_a_length_that_is_no_number_is_400_T166(host, length):
    assert host.call("login", raw_body=b"{}   ", params=[("CONTENT_LENGTH", length)]).status == 400


def test_a_body_shorter_than_its_length_is_400_T166(host):
    assert host.call("login", raw_body=b"{}", params=[("CONTENT_LENGTH", "50")]).status == 400


def test_a_request_without_a_method_is_400_T183(host):
    for program in ROUTES:
        assert host.call(program, params=[("REQUEST_METHOD", None)]).status == 400


def test_a_request_without_an_address_is_served_T183(host):
    assert host.register(params=[("REMOTE_ADDR", None), ("SCRIPT_NAME", None)]).status == 201


CROSS = [
    [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")], [("Sec-Fetch-Site", "none")],
    [("Origin", "null")], [("Origin", "https://evil.example")], [("Origin", "https://auth.example.test.evil.com")],
    [("Origin", "http://auth.example.test")], [("Origin", "https://auth.example.test:8443")],
    [("Origin", ISSUER), ("Sec-Fetch-Site", "cross-site")],
]


@pytest.mark.parametrize("headers", CROSS, ids=str)
def test_another_site_changes_nothing_T149_T150_T153_T154(host, headers):
    first = host.register()
    body = {"username": "alice", "password": GOOD}
    answers = [
        host.call("login", body=body, headers=headers), host.call("register", body=body, headers=headers),
        host.refresh(first.cookie, headers=headers), host.call("logout", token=first.token, headers=headers),
        host.call("revoke", token=first.token, headers=headers),
        host.call("password", token=first.token, headers=headers, body={"current_password": GOOD, "new_password": "a new fine one"}),
        host.call("sessions", "DELETE", token=first.token, headers=headers, params=[("PATH_INFO", "/x")]),
    ]
    for answer in answers:
        assert (answer.status, answer.error) == (403, "cross_site")
        assert not answer.all("Set-Cookie") and not answer.all("Access-Control-Allow-Origin")
    assert host.check(first.token).status == 204 and host.refresh(first.cookie).status == 200


@pytest.mark.parametrize("headers", [[], [("Origin", ISSUER)], [("Sec-Fetch-Site", "same-origin")],
                                     [("Origin", ISSUER), ("Sec-Fetch-Site", "same-origin")]], ids=str)
def test_our_own_pages_and_programs_may_T149(host, headers):
    assert host.register(headers=headers).status == 201


@pytest.mark.settings(ALLOWED_ORIGINS="https://app.example.test")
def test_a_listed_origin_gets_cors_answers_and_no_other_does_T155(host):
    listed, own = ("Origin", "https://app.example.test"), host.register()
    answer = host.refresh(own.cookie, headers=[listed, ("Sec-Fetch-Site", "same-site")])
    assert answer.status == 200
    assert answer.header("Access-Control-Allow-Origin") == "https://app.example.test"
    assert answer.header("Access-Control-Allow-Credentials") == "true" and answer.header("Vary") == "Origin"
    assert answer.header("Access-Control-Expose-Headers") == "WWW-Authenticate, Retry-After"
    refused = host.call("me", token="x", headers=[listed])
    assert refused.status == 401 and refused.header("Access-Control-Allow-Origin") == "https://app.example.test"

    asks = [listed, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization")]
    preflight = host.call("login", "OPTIONS", headers=asks)
    assert preflight.status == 204 and "POST" in preflight.header("Access-Control-Allow-Methods")
    assert "Authorization" in preflight.header("Access-Control-Allow-Headers")
    for origin in ("null", "https://evil.example", "https://app.example.test.evil.com"):
        other = host.call("login", "OPTIONS", headers=[("Origin", origin), *asks[1:]])
        assert other.status == 405 and not other.all("Access-Control-Allow-Origin")
        assert host.call("me", token=own.token, headers=[("Origin", origin)]).all("Access-Control-Allow-Origin") == []
    assert host.refresh(own.cookie, headers=[listed, ("Sec-Fetch-Site", "cross-site")]).status == 403


def test_every_answer_carries_its_security_headers_T156(host):
    first = host.register()
    answers = [
        first, host.login(), host.login(password="wrong one here"), host.call("me", token=first.token), host.call("me"),
        host.call("me", "POST"), host.refresh(None), host.register(), host.call("login", raw_body=b"{"),
        host.call("login", body={}, params=[("CONTENT_TYPE", "text/plain")]), host.call("sessions", token=first.token),
        host.call("logout", token=first.token),
    ]
    assert {answer.status for answer in answers} == {201, 200, 401, 405, 409, 400, 415, 204}
    for answer in answers:
        for name, value in COMMON.items():
            assert answer.header(name) == value, (answer.status, name)
        assert answer.header("Cache-Control") == "no-store"
        if answer.body:
            assert answer.header("Content-Type") == "application/json; charset=utf-8"


def test_there_is_no_jsonp_and_no_query_is_read_T140_T157(host):
    first = host.register()
    answer = host.call("me", token=first.token, params=[("QUERY_STRING", "callback=f")], headers=[("Accept", "text/javascript")])
    assert answer.body.startswith(b"{")
    query = "username=alice&password=" + GOOD.replace(" ", "+")
    assert host.call("login", "GET", params=[("QUERY_STRING", query), ("REQUEST_URI", f"/auth/login?{query}")]).status == 405
    assert GOOD.replace(" ", "+").encode() not in host.logs.read_bytes()


AUTHORIZATION = {
    "bearer {}": 200, "BEARER {}": 200, "Bearer  {}": 200, "Bearer\t{}": 401, "Bearer": 401, "Bearer {} y": 401,
    "Bearer {},y": 401, "Basic {}": 401, "Bearer\u0301 {}": 401, " Bearer {}": 401, "Bearer {} ": 401, "{}": 401, "": 401,
}


@pytest.mark.parametrize("form", AUTHORIZATION)
def test_the_authorization_header_is_read_as_rfc_6750_says_T038(host, form):
    token = host.register().token
    answer = host.call("me", headers=[("Authorization", form.format(token))])
    assert answer.status == AUTHORIZATION[form]


def test_two_authorization_headers_are_401_T107(server):
    token = server.register().token
    for pair in ([token, "bad"], ["bad", token], [token, token]):
        headers = [("Authorization", f"Bearer {value}") for value in pair]
        for program in ("check", "me"):
            assert server.call(program, headers=headers).status == 401


def test_two_cookie_headers_are_read_as_one_T144(server):
    good = server.register().cookie
    assert server.refresh(["a=b", good]).status == 200


@pytest.mark.parametrize("cookie", ['a="', ";;;;", "=", "x=" + "y" * 7000, "; ".join(f"c{i}=1" for i in range(300)), "\ufffd"])
def test_malformed_cookies_change_no_decision_T092(host, cookie):
    token = host.register().token
    assert host.call("check", cookie=cookie).status == 401
    answer = host.call("check", cookie=cookie, token=token)
    assert (answer.status, answer.header("X-Auth-User")) == (204, "alice")


@pytest.mark.parametrize("uri", ["/%zz", "/%", "/\x01", "/" + "a" * 8000])
def test_a_malformed_uri_is_no_way_in_T093(host, uri):
    assert host.call("check", params=[("REQUEST_URI", uri)]).status == 401


def test_headers_that_name_another_page_or_monitor_are_not_read_T090_T091(host):
    host.register()
    for headers in ([("X-Original-URI", "/public"), ("X-Forwarded-Uri", "/public"), ("X-Original-Method", "OPTIONS")],
                    [("User-Agent", "GoogleHC/1.0")], [("User-Agent", "kube-probe/1.30")], [("User-Agent", "")]):
        assert host.call("check", headers=headers).status == 401


def test_any_5xx_has_a_fixed_body_T184(host):
    answer = host.call("login", body={"username": "a", "password": "b"}, params=[("REFRESH_COOKIE_PATH", "/a b")])
    assert answer.status == 500
    assert answer.json == {"error": "server_error", "error_description": "The server met an unexpected condition."}
