"""Firefox and WebKit from Debian, driven by the protocols that they speak themselves.

Firefox: WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/). WebKit: WebDriver
(https://www.w3.org/TR/webdriver2/) and GTK's MiniBrowser. Both do the same few things here: open a
tab, go somewhere, run a script. Both find *.localhost by themselves and are told to trust every
certificate.
"""

import contextlib
import glob
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

import httpx
from site_under_test import PASSWORD
from waiting import wait_until
from websockets.sync.client import connect


class Gone(Exception):
    """The page that was asked is going away, or has not come yet."""


class Tab:
    """One tab of either browser."""

    def __init__(self, browser, handle):
        self.browser, self.handle = browser, handle

    def go(self, address):
        """Starts to go there, and does not wait."""
        self.browser.navigate(self.handle, address)
        return self

    def back(self):
        """As its button does."""
        self.browser.back(self.handle)

    def run(self, script):
        """The value of an expression, or of the promise that it is."""
        return json.loads(self.browser.evaluate(self.handle, f"Promise.resolve({script}).then((it) => JSON.stringify(it ?? null))"))

    def until(self, script, what=None):
        """Waits until an expression is true, over all navigations on the way, and returns it."""
        def value():
            with contextlib.suppress(Gone):
                return self.run(script)
        return wait_until(value, what or script, seconds=30, every=0.1)

    def shows(self, selector, text=""):
        """Waits until an element is visible and contains the text."""
        return self.until(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            return document.readyState === "complete" && element?.checkVisibility() && element.textContent.includes({json.dumps(text)});
        }})()""", f"{selector} shows {text!r}")

    def fill(self, **fields):
        """Types into the fields with these ids."""
        for name, value in fields.items():
            self.run(f"""(() => {{
                const field = document.getElementById({json.dumps(name)});
                field.focus(); field.value = {json.dumps(value)};
                field.dispatchEvent(new InputEvent("input", {{ bubbles: true }}));
            }})()""")

    def click(self, selector):
        with contextlib.suppress(Gone):
            self.run(f"void document.querySelector({json.dumps(selector)}).click()")

    def sign_in(self, name):
        """Fills in the form, wherever it stands, as soon as it is there."""
        self.shows("#signin")
        self.fill(username=name, password=PASSWORD)
        self.click("#signin [type=submit]")

    @property
    def address(self):
        return self.run("location.href")


class Browser:
    """What both have: a home of their own, and processes that end with them."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-browser."))
        self.environment = os.environ | {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"),
                                         "XDG_CACHE_HOME": str(self.home / "cache"), "XDG_DATA_HOME": str(self.home / "data")}
        self.running = []

    def start(self, *command, **options):
        options = {"env": self.environment, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
        process = subprocess.Popen([str(word) for word in command], start_new_session=True, **options)
        self.running.append(process)
        return process

    def close(self):
        for process in reversed(self.running):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            # What it started itself is in its group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class Firefox(Browser):
    def __init__(self):
        super().__init__()
        log = self.home / "stderr"
        with log.open("w") as errors:
            self.start("firefox-esr", "--headless", "--no-remote", "--profile", self.home, "--remote-debugging-port=0", "about:blank",
                       stderr=errors)
        found = wait_until(lambda: re.search(r"BiDi listening on (ws://\S+)", log.read_text(errors="replace")), "Firefox", seconds=60)
        self.connected = contextlib.ExitStack()
        self.socket = self.connected.enter_context(connect(f"{found[1]}/session", proxy=None, max_size=None))
        self.numbers = itertools.count(1)
        self.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})

    def command(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv(timeout=60))).get("id") != number:
            pass
        if answer["type"] == "error":
            raise Gone(answer["message"])
        return answer["result"]

    def tab(self):
        return Tab(self, self.command("browsingContext.create", type="tab")["context"])

    def navigate(self, handle, address):
        self.command("browsingContext.navigate", context=handle, url=address, wait="none")

    def back(self, handle):
        self.command("browsingContext.traverseHistory", context=handle, delta=-1)

    def evaluate(self, handle, script):
        result = self.command("script.evaluate", target={"context": handle}, expression=script, awaitPromise=True)
        if result["type"] != "success":
            raise Gone(result["exceptionDetails"]["text"])
        return result["result"]["value"]

    def close(self):
        self.connected.close()
        super().close()


class WebKit(Browser):
    def __init__(self):
        super().__init__()
        reading, writing = os.pipe()
        # It chooses a display that is free, and says which.
        self.start("Xvfb", "-displayfd", writing, "-nolisten", "tcp", "-screen", "0", "1280x900x24", pass_fds=(writing,))
        os.close(writing)
        with os.fdopen(reading) as said:
            display = said.readline().strip()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.environment |= {"DISPLAY": f":{display}", "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
                             # There is no sandbox for root.
                             "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        self.start("WebKitWebDriver", f"--port={port}")
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
        wait_until(self.is_ready, "WebKitWebDriver", seconds=60)
        (browser,) = glob.glob("/usr/lib/*/webkit2gtk-4.1/MiniBrowser")
        options = {"binary": browser, "args": ["--automation"]}
        created = self.request("POST", "/session", {"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": True, "pageLoadStrategy": "none", "webkitgtk:browserOptions": options}}})
        self.session = f"/session/{created['sessionId']}"

    def is_ready(self):
        with contextlib.suppress(httpx.TransportError):
            return self.request("GET", "/status")["ready"]

    def request(self, method, path, body=None):
        answer = self.client.request(method, path, json=body).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise Gone(f"{answer['error']}: {answer.get('message')}")
        return answer

    def tab(self):
        return Tab(self, self.request("POST", f"{self.session}/window/new", {"type": "tab"})["handle"])

    def navigate(self, handle, address):
        self.request("POST", f"{self.session}/window", {"handle": handle})
        self.request("POST", f"{self.session}/url", {"url": address})

    def back(self, handle):
        self.request("POST", f"{self.session}/window", {"handle": handle})
        self.request("POST", f"{self.session}/back", {})

    def evaluate(self, handle, script):
        self.request("POST", f"{self.session}/window", {"handle": handle})
        return self.request("POST", f"{self.session}/execute/sync", {"script": f"return {script}", "args": []})

    def close(self):
        with contextlib.suppress(httpx.TransportError, Gone):
            self.request("DELETE", self.session)
        self.client.close()
        super().close()
