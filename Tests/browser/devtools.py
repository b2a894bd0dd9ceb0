"""Chromium over its own protocol, for what Playwright hides.

Playwright keeps every tab visible, focused and out of the back-forward cache, and freezing has no
effect. This starts the browser with a profile of its own and none of Playwright's switches, and
talks over a pipe: tabs are really hidden, frozen, throttled and restored.

https://chromedevtools.github.io/devtools-protocol/
"""

import contextlib
import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading

from waiting import wait_until


class ProtocolError(Exception):
    pass


class Chromium:
    def __init__(self, executable, switches):
        self.profile = tempfile.mkdtemp(prefix="tallystick-chromium.")
        to_browser, ours = os.pipe()
        theirs, from_browser = os.pipe()

        def wire():
            # The browser reads from 3 and writes to 4. Away from there first: they may be in the way.
            reading, writing = os.dup(to_browser), os.dup(from_browser)
            os.dup2(reading, 3)
            os.dup2(writing, 4)
        # Its descriptors of ours are closed on exec; 3 and 4 are not.
        self._process = subprocess.Popen(
            [executable, "--headless=new", "--no-first-run", f"--user-data-dir={self.profile}",
             "--remote-debugging-pipe", *switches, "about:blank"],
            preexec_fn=wire, close_fds=False, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self._out, self._in = os.fdopen(ours, "wb", buffering=0), os.fdopen(theirs, "rb", buffering=0)
        self._ids, self._answers, self._lock = itertools.count(1), {}, threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()
        self.send("Browser.getVersion")

    def _read(self):
        data = b""
        while chunk := self._in.read(65536):
            *messages, data = (data + chunk).split(b"\0")
            for text in messages:
                message = json.loads(text)
                if waiting := self._answers.pop(message.get("id"), None):
                    waiting.put(message)

    def send(self, method, parameters=None, session=None, wait=20):
        """The result of a command; None if `wait` is 0."""
        number, answer = next(self._ids), queue.Queue()
        message = {"id": number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        self._answers[number] = answer
        with self._lock:
            self._out.write(json.dumps(message).encode() + b"\0")
        if not wait:
            return None
        found = answer.get(timeout=wait)
        if "error" in found:
            raise ProtocolError(f"{method}: {found['error']['message']}")
        return found["result"]

    def open(self, url="about:blank"):
        """A new tab, in front; those before it are hidden from now on."""
        return Tab(self, self.send("Target.createTarget", {"url": url})["targetId"])

    def cookies(self, name):
        found = self.send("Storage.getCookies")["cookies"]
        return [each["value"] for each in found if each["name"] == name]

    def close(self):
        try:
            self.send("Browser.close", wait=5)
            self._process.wait(10)
        except (queue.Empty, OSError, ProtocolError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._out.close()
        shutil.rmtree(self.profile, ignore_errors=True)


class Tab:
    def __init__(self, chromium, target):
        self.chromium, self.target = chromium, target
        self.session = chromium.send(
            "Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self.send("Page.enable")

    def send(self, method, parameters=None, **options):
        return self.chromium.send(method, parameters, session=self.session, **options)

    def evaluate(self, expression, **options):
        found = self.send("Runtime.evaluate", {
            "expression": expression, "awaitPromise": True, "returnByValue": True}, **options)
        if found and "exceptionDetails" in found:
            raise ProtocolError(str(found["exceptionDetails"]))
        return found and found["result"].get("value")

    def until(self, expression, seconds=15):
        def holds():
            with contextlib.suppress(ProtocolError):  # between two pages
                return self.evaluate(expression)

        wait_until(holds, expression, seconds, every=0.05)

    def go(self, url):
        self.send("Page.navigate", {"url": url})
        self.until(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    def back(self):
        history = self.send("Page.getNavigationHistory")
        before = history["entries"][history["currentIndex"] - 1]
        self.send("Page.navigateToHistoryEntry", {"entryId": before["id"]})

    def show(self):
        self.send("Page.bringToFront")
        self.until("document.visibilityState === 'visible'")

    def freeze(self):
        self.send("Page.setWebLifecycleState", {"state": "frozen"})

    def thaw(self):
        self.send("Page.setWebLifecycleState", {"state": "active"})

    def crash(self):
        self.send("Page.crash", wait=0)

    def close(self):
        self.chromium.send("Target.closeTarget", {"targetId": self.target})
