"""Firefox and WebKit do what Chromium does: the pages of the issuer, and the way into sites and out.

The sites are those of the example. What a browser does differently is said in nginx/www/README.md.
"""

import contextlib

import pytest
from other_browsers import Firefox, WebKit
from site_under_test import PASSWORD, Site

pytestmark = pytest.mark.parametrize("kind", [Firefox, WebKit], indirect=True)


@pytest.fixture(scope="module")
def site():
    with contextlib.closing(Site()) as running:
        yield running


@pytest.fixture
def kind(request):
    return request.param


@pytest.fixture
def browser(kind):
    """With a jar of its own, and nobody signed in."""
    with contextlib.closing(kind()) as running:
        yield running


def address(site, path="/", host="site.localhost"):
    return f"https://{host}:{site.port}{path}"


def enter(browser, site, name, path="/"):
    """A tab of somebody who has just signed in on the way to the board."""
    tab = browser.tab().go(address(site, path))
    tab.sign_in(name)
    tab.shows("#who", name)
    return tab


def test_somebody_registers_and_a_new_tab_restores_the_login(site, browser):
    name = f"newcomer.{type(browser).__name__.lower()}"
    tab = browser.tab().go(f"{site.url}/register.html")
    tab.shows("#register")
    tab.fill(username=name, password=PASSWORD)
    tab.click("#register [type=submit]")
    tab.shows("#name", name)
    other = browser.tab().go(f"{site.url}/account.html")
    other.shows("#name", name)
    other.click("#signout")
    # Both know it at once.
    for each in (tab, other):
        each.until("!location.pathname.endsWith('account.html')")


def test_one_sign_in_opens_every_site(site, browser, name):
    tab = enter(browser, site, name, "/?x=1&y=%26%20z#notes")
    assert tab.address == address(site, "/?x=1&y=%26%20z#notes")
    long = "/?q=" + "a%2F" * 499
    for there in (address(site, "/?x=1&y=%20#there", "other.localhost"), address(site, long, "other.localhost"),
                  f"{site.url}/private/"):
        other = browser.tab().go(there)
        other.shows("body", "You see this because")
        assert other.address == there
    assert tab.run("document.cookie") == ""


def test_everything_that_a_page_consists_of_works_behind_the_gate(site, browser, name):
    tab = enter(browser, site, name)
    tab.until("document.images.length === 2 && [...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert tab.run("getComputedStyle(document.querySelector('section')).borderTopLeftRadius") == "14px"
    other = browser.tab().go(address(site))
    # A form, whose note the event stream tells to another tab.
    for each in (tab, other):
        each.shows("#stream", "connected")
    other.shows("#stream", "themselves: connected")
    tab.fill(text="a <b>note</b> & more")
    tab.run("globalThis.isOld = true")
    tab.click("form button")
    tab.until("!globalThis.isOld && document.readyState === 'complete'", "the page after the form")
    other.shows("#notes li", "a <b>note</b> & more")
    # A WebSocket.
    tab.until("document.querySelector('#notch:enabled') !== null")
    before = int(other.until("document.querySelector('#notch:enabled') && count.textContent"))
    tab.click("#notch")
    for each in (tab, other):
        each.shows("#count", str(before + 1))
    # A download, an upload, and a request of a script.
    tab.click("a[href='/tally.csv']")
    assert f"{name},1" in tab.run("fetch('/tally.csv').then((answer) => answer.text())")
    tab.run("""(() => {
      const files = new DataTransfer();
      files.items.add(new File([new Uint8Array(3000000)], "x"));
      file.files = files.files;
      file.dispatchEvent(new Event("change", { bubbles: true }));
    })()""")
    tab.shows("#digest", "3000000 bytes, SHA-256 ")
    tab.click("#ask")
    tab.shows("#told", f'"X-Auth-User": "{name}"')
    assert "__Host-tallystick" not in tab.run("told.textContent")


def test_signing_out_anywhere_closes_every_site(site, browser, name):
    board = enter(browser, site, name)
    other = browser.tab().go(address(site, "/", "other.localhost"))
    other.shows("body", "You see this because")
    own = browser.tab().go(f"{site.url}/account.html")
    own.shows("#name", name)
    # Something lies behind the board in its tab.
    board.go(address(site, "/?second"))
    board.until("location.search === '?second' && document.readyState === 'complete'")
    board.shows("#who", name)
    own.click("#signout")
    own.until("!location.pathname.endsWith('account.html')")
    other.go(address(site, "/?again", "other.localhost"))
    other.shows("#signin")
    # Nor does the way back show what was there.
    board.back()
    board.shows("#signin")
    # A new sign-in leads on as before.
    other.sign_in(name)
    other.shows("body", "You see this because")


def test_twenty_tabs_restored_at_once_all_arrive(site, browser, name):
    """The login is alive, and the site was not visited for long."""
    own = browser.tab().go(f"{site.url}/")
    own.sign_in(name)
    own.shows("#name", name)
    tabs = [browser.tab() for _ in range(20)]
    for number, tab in enumerate(tabs):
        tab.go(address(site, f"/?{number}"))
    for number, tab in enumerate(tabs):
        tab.shows("#who", name)
        assert tab.address == address(site, f"/?{number}")
