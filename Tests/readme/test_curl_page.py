"""The commands of nginx/www/curl.html run as they stand, against a running site."""

import html
import re
import subprocess

import pytest
from programs import ROOT
from site_under_test import Site

PAGE = ROOT / "nginx/www/curl.html"


@pytest.fixture(scope="module")
def site():
    running = Site()
    yield running
    running.close()


def blocks():
    return [html.unescape(block).strip() for block in re.findall(r"<pre[^>]*>(.*?)</pre>", PAGE.read_text(), re.S)]


def as_script(site):
    """All blocks in a row; what a reader fills in is filled in, and each answer is set apart."""
    script = "\n".join(blocks())
    script = script.replace("https://localhost:8443", site.url).replace(":8443", f":{site.port}")
    script = script.replace(".build/up/tls", f"{site.dir}/tls").replace("-c cookies", f"-c {site.dir}/jar").replace("-b cookies", f"-b {site.dir}/jar")
    token = r'token=$(command curl -s --cacert %s/tls/cert.pem -H "$json" -d '"'" % site.dir
    token += r'''{"username":"ada","password":"engine no. 1 of 1837"}' $site/auth/login | sed 's/.*"access_token":"\([^"]*\)".*/\1/')'''
    assert "token=…" in script
    return re.sub(r"^(curl .*)$", r"echo '=== next'; \1; echo", script.replace("token=…", token), flags=re.M)


# In the order of the page; the ID of a session is filled in by nobody, so it is not found.
EXPECTED = [201, 200, 200, 401, 200, 403, 200, 200, 200, 200, 200, 404, 200, 204, 401, 200, 204]


def test_every_command_of_the_page_answers_what_the_page_says(site):
    run = subprocess.run(["bash", "-euc", as_script(site)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    answers = run.stdout.split("=== next")[1:]
    statuses = [int(re.search(r"HTTP/\S+ (\d+)", answer)[1]) for answer in answers]
    assert statuses == EXPECTED, list(zip(statuses, EXPECTED, strict=False))


def test_what_the_comments_on_the_page_say_is_what_is_expected():
    lines = [line for block in blocks() for line in block.splitlines() if line.startswith("curl ")]
    for line, status in zip(lines, EXPECTED, strict=True):
        said = re.search(r"# (\d{3})", line)
        assert not said or int(said[1]) == status, line
