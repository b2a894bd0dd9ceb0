"""Sites on other domains than the issuer's: sub-domains of its own parent domain, and another root domain.

The issuer is auth.one.localhost. wiki.one.localhost and files.one.localhost are other origins of the same
site, board.two.localhost is another site: browsers treat the cookies and the requests of each kind
differently. No name below `localhost` is a public suffix, so one.localhost and two.localhost are
registrable domains. RFC 6265bis §5.2 (same-site requests).
"""

import contextlib
import re

import pytest
from conftest import CHROMIUM, key_pin
from other_browsers import Firefox, Gone, Tab, WebKit
from playwright.sync_api import Error
from site_under_test import Site

ISSUER = "auth.one.localhost"
SITES = ("wiki.one.localhost", "files.one.localhost", "board.two.localhost")


class NamedSite(Site):
    """The example as https://auth.one.localhost, with a guarded site under each of the other names."""

    def __init__(self):
        super().__init__()
        nginx = self.dir / "nginx"
        origins = ",".join(f"https://{name}:{self.port}" for name in SITES)
        for snippet in ("program", "check", "site-request"):
            with open(nginx / f"tallystick/location/{snippet}.conf", "a", encoding="utf-8") as file:
                file.write(f'fastcgi_param TALLYSTICK_ISSUER {self.at_name(ISSUER)};\nfastcgi_param TALLYSTICK_SITES "{origins}";\n')
        example = nginx / "sites/example.conf"
        text, count = re.subn(r"server_name localhost;", f"server_name localhost {ISSUER};", example.read_text())
        assert count == 1
        example.write_text(text)
        # The second site of the example, once for each name.
        block = (nginx / "sites/pages.conf").read_text().rpartition("\nserver {")[2]
        for name in SITES:
            self.add_configuration(f"{name}.conf", "server {" + block.replace("other.localhost", name))

    def at_name(self, name, path=""):
        return f"https://{name}:{self.port}{path}"


class Chromium:
    """Does what the other two do, through Playwright."""

    def __init__(self, playwright, site):
        self.browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", f"--ignore-certificate-errors-spki-list={key_pin(site.dir / 'tls/cert.pem')}"])
        self.context = self.browser.new_context()

    def tab(self):
        return Tab(self, self.context.new_page())

    def navigate(self, page, address):
        page.goto(address, wait_until="commit")

    def back(self, page):
        page.go_back(wait_until="commit")

    def evaluate(self, page, script):
        try:
            return page.evaluate(script)
        except Error as error:
            raise Gone(str(error)) from None

    def close(self):
        self.browser.close()


@pytest.fixture(scope="module")
def site():
    with contextlib.closing(NamedSite()) as running:
        yield running


@pytest.fixture(params=["Chromium", "Firefox", "WebKit"])
def browser(request, site):
    """With a jar of its own, and nobody signed in."""
    if request.param == "Chromium":
        made = Chromium(request.getfixturevalue("playwright"), site)
    else:
        made = {"Firefox": Firefox, "WebKit": WebKit}[request.param]()
    with contextlib.closing(made) as running:
        yield running


def shows_what_is_guarded(tab, address):
    tab.shows("body", "You see this because")
    assert tab.address == address
    assert tab.run("document.cookie") == ""


def test_one_sign_in_at_the_issuer_opens_every_domain_and_a_sign_out_closes_all(site, browser, name):
    own = browser.tab().go(site.at_name(ISSUER, "/"))
    own.sign_in(name)
    own.shows("#name", name)
    tabs = {host: browser.tab().go(site.at_name(host, "/?x=1&y=%26%20z#there")) for host in SITES}
    for host, tab in tabs.items():
        shows_what_is_guarded(tab, site.at_name(host, "/?x=1&y=%26%20z#there"))
    own.click("#signout")
    own.until("!location.pathname.endsWith('account.html')")
    # At the next request.
    for host, tab in tabs.items():
        tab.go(site.at_name(host, "/?again"))
        tab.shows("#signin")


def test_a_sign_in_on_the_way_to_one_domain_opens_all(site, browser, name):
    first = site.at_name(SITES[-1], "/")
    tab = browser.tab().go(first)
    tab.sign_in(name)
    shows_what_is_guarded(tab, first)
    for host in SITES[:-1]:
        there = site.at_name(host, "/")
        shows_what_is_guarded(browser.tab().go(there), there)
