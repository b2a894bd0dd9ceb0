"""A browser at guarded sites, as far as HTTP goes: a jar for each host, Fetch Metadata, the way in.

The pages of the issuer are no part of it: what gate.html does, `come_in` does.
"""

from urllib.parse import parse_qs, urlsplit

GATE, STATE, BOUNCES = "__Host-tallystick", "__Host-tallystick-state", "__Host-tallystick-bounces"
# What Chromium sends for each kind of request, when the site itself causes it.
NAVIGATION = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html,*/*;q=0.8"}
IMAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/*"}
FETCH = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}


class Visitor:
    """One browser of one account; `client` may be one with HTTP/2."""

    def __init__(self, site, account, client=None):
        self.site, self.account, self.client, self.jars = site, account, client, {}
        # Clients for hosts that are on another machine.
        self.clients = {}

    def origin(self, host):
        return f"https://{host}:{self.site.port}"

    def cookie(self, host):
        jar = self.jars.get(host, {})
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}

    def ask(self, host, path, method="GET", kind=NAVIGATION, headers=None, **options):
        """One request with this browser's cookies of the host; what the answer sets is kept."""
        headers = kind | self.cookie(host) | (headers or {})
        answer = self.site.at(host, path, client=self.clients.get(host, self.client), method=method, headers=headers, **options)
        jar = self.jars.setdefault(host, {})
        for line in answer.headers.get_list("set-cookie"):
            name, value = line.split(";")[0].split("=", 1)
            assert name.startswith("__Host-tallystick"), line
            if "Max-Age=0" in line:
                jar.pop(name, None)
            else:
                jar[name] = value
        return answer

    def handover(self, gate):
        """What gate.html does: the location that leads to the site."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(gate).query).items()}
        headers = self.account.bearer | {"Origin": self.site.url, "Sec-Fetch-Site": "same-origin"}
        answer = self.site.post("/auth/handover", json={name: query[name] for name in ("site", "state", "return")}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["location"]

    def come_in(self, host, path="/"):
        """The way in, from the first request to the page; returns the page."""
        sent = self.ask(host, path)
        assert sent.status_code == 302, (sent.status_code, sent.text)
        assert sent.headers["location"].startswith(f"{self.site.url}/gate.html?"), sent.headers["location"]
        location = urlsplit(self.handover(sent.headers["location"]))
        assert f"{location.scheme}://{location.netloc}" == self.origin(host)
        landed = self.ask(host, f"{location.path}?{location.query}")
        assert landed.status_code == 303 and landed.headers["location"] == path, landed.text
        assert GATE in self.jars[host] and STATE not in self.jars[host]
        return self.ask(host, path)
