"""Section E: a header that decides whether a request is cross-site, sent twice.

nginx 1.22 gives a program only the first of two `Origin` or `Sec-Fetch-Site` lines; 1.23 and newer
join them with a comma. Over HTTP/2 it is the same.
"""

import re
import subprocess

import h2.config
import h2.connection
import h2.events
import pytest

FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture(scope="module")
def joins():
    """Whether this nginx joins repeated lines: since 1.23.0."""
    text = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    major, minor = re.search(r"nginx/(\d+)\.(\d+)\.", text).groups()
    return (int(major), int(minor)) >= (1, 23)


def status_over_http1(site, lines):
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    answer = site.raw(f"POST /auth/logout HTTP/1.1\r\nHost: localhost:{site.port}\r\nConnection: close\r\n{head}\r\n".encode())
    return int(answer.split()[1])


def status_over_http2(site, lines):
    with site.socket(protocols=["h2"]) as connection:
        client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        client.initiate_connection()
        client.send_headers(1, [
            (":method", "POST"), (":scheme", "https"), (":authority", f"localhost:{site.port}"), (":path", "/auth/logout"),
            *((name.lower(), value) for name, value in lines)], end_stream=True)
        connection.sendall(client.data_to_send())
        while data := connection.recv(65536):
            for event in client.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    return int(dict(event.headers)[":status"])
            connection.sendall(client.data_to_send())
    return None


@pytest.mark.parametrize("over", [status_over_http1, status_over_http2], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("name", FOREIGN)
def test_of_two_lines_the_first_decides_before_nginx_1_23_and_both_do_since(site, joins, name, over):
    """T149, T150: a foreign line that stands first, or alone, is refused in any case."""
    own, foreign = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}[name], FOREIGN[name]
    assert over(site, [(name, own)]) == 204
    assert over(site, [(name, foreign)]) == 403
    assert over(site, [(name, foreign), (name, own)]) == 403
    # A browser sends each once: this is how nginx is, and no way past the rule for a page.
    assert over(site, [(name, own), (name, foreign)]) == (403 if joins else 204)
    assert over(site, [(name, own), (name, own)]) == (403 if joins else 204)
