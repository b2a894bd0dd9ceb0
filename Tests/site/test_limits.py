"""Section H: limits of requests, versions of TLS, and answers without TLS."""

import concurrent.futures
import ssl

import pytest
from programs import COOKIE
from site_under_test import status_of

# A loopback address each, so that no test spends the requests of another.
ADDRESSES = {"register": "127.0.0.21", "login": "127.0.0.22", "password": "127.0.0.23"}


@pytest.mark.parametrize("route", ADDRESSES)
def test_too_many_requests_are_told_when_to_come_back(site, alice, route):
    """T215: with no effect on other clients, nor on other routes for this one."""
    with site.connect(address=ADDRESSES[route]) as client:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: client.post(f"/auth/{route}", content=b"{}", headers={"Content-Type": "application/json"}), range(600)))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) <= {400, 401, 429} and statuses.count(429) > 100
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["error"] == "too_many_attempts" and int(refused.headers["retry-after"]) >= 1
        assert refused.headers["cache-control"] == "no-store"
        assert client.get("/private/", headers=alice.bearer).status_code == 200
        assert client.get("/auth/me", headers=alice.bearer).status_code == 200
    assert site.post(f"/auth/{route}", content=b"{}").status_code in (400, 401, 415)


def test_many_tabs_may_refresh_and_a_flood_may_not(site, user):
    """T215: refreshes have a limit far above what browsers do."""
    with site.connect(address="127.0.0.24") as client, concurrent.futures.ThreadPoolExecutor(16) as pool:
        def refresh(_):
            return client.post("/auth/refresh", headers={"Cookie": f"{COOKIE}=x"}).status_code

        assert set(pool.map(refresh, range(300))) == {401}
        assert 429 in set(pool.map(refresh, range(1500)))
    assert user.refresh().status_code == 200


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/", "/.well-known/jwks.json", "/private/", "/api/echo"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_tls_credentials_are_refused_and_not_redirected(site, path, method):
    """T218."""
    request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    answer = site.raw(request.encode(), plain=True)
    assert status_of(answer) == [403] and b"location:" not in answer.lower()


def test_without_tls_pages_are_redirected_to_the_same_host(site):
    """T218: and unknown hosts nowhere."""
    for host, expected in (("localhost", 301), ("second.localhost", 301), ("evil.example", 421)):
        answer = site.raw(f"GET /a?b HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(), plain=True)
        assert status_of(answer) == [expected]
        assert (f"location: https://{host}:{site.port}/a?b\r\n".encode() in answer.lower()) == (expected == 301)


def test_a_request_without_tls_on_the_port_of_tls_is_refused(site):
    """T218."""
    answer = site.raw(b"GET /private/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", plain=False)
    assert status_of(answer) == [401]
    import socket
    with socket.create_connection(("127.0.0.1", site.port), 5) as connection:
        connection.sendall(b"GET /auth/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert status_of(connection.recv(1000)) == [400]


@pytest.mark.parametrize("version,works", [
    (ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_is_1_2_or_1_3(site, version, works):
    """OWASP ASVS 5.0 12.1.1."""
    import socket
    context = ssl.create_default_context(cafile=site.dir / "tls/cert.pem")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with socket.create_connection(("127.0.0.1", site.port), 5) as plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
            assert works and tls.version()
    except ssl.SSLError:
        assert not works


def test_http_2_is_spoken(site, alice):
    """T222."""
    with site.connect(http2=True) as client:
        assert client.get("/private/").http_version == "HTTP/2"
        assert client.get("/private/", headers=alice.bearer).status_code == 200
        assert client.get("/private/").status_code == 401
        assert client.post("/api/echo", content=b"x" * 100_000, headers=alice.bearer).headers["x-body-length"] == "100000"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_http_2_is_decided_like_http_1(site, alice, method):
    """T085, T088, T222."""
    with site.connect(http2=True) as client:
        assert client.request(method, "/api/echo").status_code == 401
        answer = client.request(method, "/api/echo", headers=alice.bearer | {"X-Auth-User": "root", "X_Auth_User": "root"})
        assert answer.status_code == 200
        assert method == "HEAD" or answer.json()["headers"]["X-Auth-User"] == "alice"
        assert client.request(method, "/private/", headers={"Host": "evil.example"}).status_code == 421
