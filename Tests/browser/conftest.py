"""What the tests of the browser share: the running site, a proxy before it, and a real Chromium.

The stack is started by tools/up, through Tests/harness. The browser is Debian's, driven by
Playwright; a switch makes it trust the key of the site's certificate and no other one. It finds
the site behind a proxy that records what the browser really sends, and can lose or delay it.
"""

import base64
import contextlib
import hashlib
import itertools
import os
import pathlib
import subprocess
import sys

import pytest
from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))

from fault_proxy import EMPTY, FaultProxy  # noqa: E402
from site_under_test import PASSWORD, Site  # noqa: E402

NEIGHBOUR = "localhost:18999"  # same-site as the site, but another origin
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
NODE_MODULES = pathlib.Path("/usr/share/nodejs")
expect.set_options(timeout=15_000)
_names = (f"browser{number}" for number in itertools.count(1))



def key_pin(certificate):
    """What --ignore-certificate-errors-spki-list wants."""
    public = subprocess.check_output(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"])
    der = subprocess.check_output(["openssl", "pkey", "-pubin", "-outform", "der"], input=public)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def switches(site, port):
    """For a Chromium that finds at `port` the site, every .test, and another port of the host."""
    rules = [f"MAP {name} 127.0.0.1:{port}" for name in (f"localhost:{site.port}", NEIGHBOUR, "*.test")]
    return ["--no-sandbox", f"--host-resolver-rules={', '.join(rules)}",
            f"--ignore-certificate-errors-spki-list={key_pin(site.dir / 'tls/cert.pem')}"]


class Stack:
    """A site, the proxy before it, and a browser behind that."""

    def __init__(self, playwright, env=None, **launch):
        self.site = Site(env=env)
        self.proxy = FaultProxy(self.site)
        # A page of the site's origin with nothing on it: a test loads into it what it needs.
        self.proxy.pages["/t/blank"] = ({"Content-Type": "text/html; charset=utf-8"}, EMPTY)
        self.url = self.site.url
        self._logged = 0
        self.browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=switches(self.site, self.proxy.port), **launch)

    def close(self):
        self.browser.close()
        self.proxy.close()
        self.site.close()

    def reset(self):
        """No faults, nothing seen."""
        self.proxy.plan = lambda request: None
        self.proxy.too_late = lambda request: False
        self.proxy.clear()
        self._logged = len(self.site.log("refresh"))

    def reuses(self):
        """The lines in which the server says that it saw a token reused, since the reset."""
        return [line for line in self.site.log("refresh")[self._logged:].splitlines() if "reuse" in line]

    def person(self, **options):
        return Person(self, **options)


class Person:
    """One browser profile with a jar of its own, and perhaps an account."""

    def __init__(self, stack, **options):
        self.stack, self.site, self.url = stack, stack.site, stack.url
        self.context = stack.browser.new_context(**options)
        self.context.set_default_timeout(15_000)
        self.name = None

    def close(self):
        self.context.close()

    def register(self):
        """Makes an account, without the browser."""
        self.name = next(_names)
        self.site.register(self.name)
        return self.name

    def page(self, path=None):
        page = self.context.new_page()
        if path is not None:
            page.goto(self.url + path)
        return page

    def tab(self, options="{}"):
        """A blank page of the site with `auth`, restored as far as it can be."""
        page = self.page("/t/blank")
        page.evaluate("""async (options) => {
            const { createAuth } = await import("/tallystick.js");
            globalThis.events = [];
            globalThis.auth = createAuth(eval(`(${options})`));
            auth.addEventListener("signedout", ({ reason }) => { events.push(reason); });
            await auth.ready;
        }""", options)
        return page

    def sign_in(self, page):
        """Signs in by the module, in a tab()."""
        if self.name is None:
            self.register()
        page.evaluate("([name, password]) => auth.login(name, password)", [self.name, PASSWORD])
        return page

    def signed_in_tab(self, options="{}"):
        return self.sign_in(self.tab(options))

    def fill_sign_in(self, page, name=None, password=PASSWORD):
        """Signs in by the page, as a person would."""
        page.fill("#username", name or self.name or self.register())
        page.fill("#password", password)
        page.click("[type=submit]")

    def cookies(self):
        return [each for each in self.context.cookies() if each["name"] == "__Secure-refresh"]


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as running:
        yield running


@pytest.fixture
def name(site):
    """Of an account of a module's own site."""
    name = next(_names)
    site.register(name)
    return name


@pytest.fixture(scope="session")
def shared_stack(playwright):
    stack = Stack(playwright)
    yield stack
    stack.close()


@pytest.fixture
def stack(shared_stack):
    """The site as it is by default; for tests that do not wait for anything to end."""
    shared_stack.reset()
    yield shared_stack
    shared_stack.reset()


@pytest.fixture(scope="session")
def shared_quick_stack(playwright):
    stack = Stack(playwright, env={
        "TALLYSTICK_ACCESS_LIFETIME": "4s", "TALLYSTICK_REUSE_WINDOW": "1s", "TALLYSTICK_LEEWAY": "0s"})
    yield stack
    stack.close()


@pytest.fixture
def quick_stack(shared_quick_stack):
    """Tokens that live 4 s, a reuse window of 1 s."""
    shared_quick_stack.reset()
    yield shared_quick_stack
    shared_quick_stack.reset()


@pytest.fixture
def person(stack):
    with contextlib.closing(stack.person()) as made:
        yield made


@pytest.fixture
def quick_person(quick_stack):
    with contextlib.closing(quick_stack.person()) as made:
        yield made


def sent_cookies(request):
    """What a request that the proxy saw had in its Cookie header: pairs of name and value, in order."""
    header = request.headers["Cookie"]
    return [tuple(pair.split("=", 1)) for pair in header.split("; ")] if header else []


def statuses(page, *paths):
    """The statuses of auth.fetch for each path, all at once; an error's code in place of one."""
    return page.evaluate("""(paths) => Promise.all(paths.map((path) => auth.fetch(path)
        .then((response) => response.status, (error) => error.code ?? error.name)))""", list(paths))


def state(page):
    return page.evaluate("auth.getSnapshot().status")


def events(page):
    return page.evaluate("events")


# Everything a page could keep a token in, as text.
EVERYWHERE = """async () => {
  const found = { cookie: document.cookie, url: location.href, html: document.documentElement.outerHTML };
  found.local = JSON.stringify({ ...localStorage });
  found.session = JSON.stringify({ ...sessionStorage });
  found.databases = JSON.stringify(await indexedDB.databases());
  found.caches = JSON.stringify(await caches.keys());
  found.history = JSON.stringify(history.state);
  found.name = window.name;
  found.values = JSON.stringify([...document.querySelectorAll("input")].map((each) => each.value));
  const seen = new Set();
  const walk = (value, path, depth) => {
    if (typeof value === "string") { if (/eyJ/.test(value)) found["global " + path] = value; return; }
    if (!value || (typeof value !== "object" && typeof value !== "function")) return;
    if (seen.has(value) || depth > 6 || value instanceof Node) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      let inner;
      try { inner = value[key]; } catch { continue; }
      walk(inner, path + "." + String(key), depth + 1);
    }
  };
  for (const key of Reflect.ownKeys(window)) {
    if (key === "document" || key === "window") continue;
    let value;
    try { value = window[key]; } catch { continue; }
    walk(value, String(key), 0);
  }
  return found;
}"""


def assert_no_token(page):
    """No JWT anywhere but in closures (T080)."""
    for where, found in page.evaluate(EVERYWHERE).items():
        assert "eyJ" not in found, f"{where}: {found[:200]}"
