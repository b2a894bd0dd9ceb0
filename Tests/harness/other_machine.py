"""Another machine: an nginx with the includes for one, and no program, key or database beside it.

It listens on another loopback address and the same port as the site, so that its origin is one of the
site's TALLYSTICK_SITES. The issuer's side is one more server of the site's nginx.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from programs import ROOT
from site_under_test import free_port
from waiting import wait_until

ADDRESS, HOST, NAME = "127.0.0.2", "remote.localhost", "app.example.org"


class OtherMachine:
    """`locations` are those of its one server; `certificate` is the name in its client certificate."""

    def __init__(self, site, locations, certificate=NAME):
        self.site, self.certificate = site, certificate
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-machine."))
        # nginx's workers are another user's.
        self.dir.chmod(0o755)
        self.issuer_port = free_port()
        subprocess.run([ROOT / "tools/small-ca", self.dir / "ca", NAME, "stranger.example.org"], check=True, capture_output=True)
        self._open_issuer()
        self._configure(locations)
        self.process = subprocess.Popen(
            ["nginx", "-p", f"{self.dir}/", "-c", self.dir / "nginx.conf", "-g", "daemon off;"], stderr=(self.dir / "log/nginx.log").open("w"))
        self.wait()

    def wait(self):
        def answers():
            with self.site.socket(name=HOST, to=ADDRESS):
                return True
        wait_until(lambda: not isinstance(_result(answers), OSError), "nginx of the other machine")

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        shutil.rmtree(self.dir)

    def _open_issuer(self):
        """nginx/examples/remote-issuer.conf, at a port of this host."""
        text = (ROOT / "nginx/examples/remote-issuer.conf").read_text()
        text = re.sub(r"  listen \[::\].*\n", "", text).replace("listen 8444", f"listen 127.0.0.1:{self.issuer_port}")
        text = text.replace("/etc/tallystick/machines/", f"{self.dir}/ca/")
        text = re.sub(r"access_log .*;", "access_log DIR/log/machines.log machines;", text)
        folder = self.site.dir / "nginx/tallystick/remote-sites.d"
        folder.mkdir(exist_ok=True)
        (folder / "app.conf").write_text(f'https://{HOST}:{self.site.port} "web1.example.org {NAME} web2";\n')
        self.site.add_configuration("remote-issuer.conf", 'log_format machines "$connection $uri $status";\n' + text)

    def _configure(self, locations):
        """nginx/examples/remote-site.conf, with other paths, ports and locations."""
        for name in ("log", "temp"):
            (self.dir / name).mkdir()
        shutil.copytree(ROOT / "nginx/tallystick", self.dir / "tallystick")
        shutil.copy(self.site.dir / "nginx/tallystick/server/https.conf", self.dir / "tallystick/server/https.conf")
        used = re.search(r"include (tallystick/server/https.*\.conf);", (self.site.dir / "nginx/sites/example.conf").read_text())[1]
        site = (ROOT / "nginx/examples/remote-site.conf").read_text()
        site = site[:site.index("  location / {")] + locations + "\n}\n"
        (self.dir / "site.conf").write_text(site.replace("tallystick/server/https-1.22.conf", used))
        shutil.copy(self.site.dir / "nginx" / used, self.dir / used)
        (self.dir / "nginx.conf").write_text((ROOT / "nginx/nginx.conf").read_text().replace("include tallystick/http.conf;", "").replace("sites/*.conf", "site.conf"))
        # The workers of the site, who may connect to its application; none where a normal user starts it.
        user = "\n".join(re.findall(r"^user .*;", (self.site.dir / "nginx/nginx.conf").read_text(), re.M))
        for path in self.dir.rglob("*.conf"):
            text = path.read_text()
            for old, new in (
                    ("/etc/tallystick/remote/ca.pem", f"{self.dir}/ca/ca.pem"), ("/etc/tallystick/remote/cert.pem", f"{self.dir}/ca/{self.certificate}.pem"),
                    ("/etc/tallystick/remote/key.pem", f"{self.dir}/ca/{self.certificate}.key"), ("/etc/tallystick/tls/", f"{self.site.dir}/tls/"),
                    ("/usr/share/tallystick/", f"{ROOT}/nginx/"), ("/var/log/nginx/", f"{self.dir}/log/"), ("/var/lib/nginx/", f"{self.dir}/temp/"),
                    ("192.0.2.1:8444", f"127.0.0.1:{self.issuer_port}"), ("https://app.example.org", f"https://{HOST}:{self.site.port}"),
                    ("server_name app.example.org", f"server_name {HOST}"), (f"127.0.0.1:{self.site.port}", f"{ADDRESS}:{self.site.port}"),
                    ("DIR", str(self.site.dir)), ("PORT", str(self.site.port))):
                text = text.replace(old, new)
            text = re.sub(r"^user .*$", user, text, flags=re.M)
            text = re.sub(r"^pid .*$", f"pid {self.dir}/nginx.pid;", text, flags=re.M)
            path.write_text(re.sub(r"^listen \[::1?\].*$", "", text, flags=re.M))

    def client(self, http2=False):
        return self.site.connect(http2=http2, to=ADDRESS)

    def connections(self):
        """The connections by which the issuer was asked: a set of numbers."""
        log = self.site.dir / "log/machines.log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def log(self):
        return "".join(path.read_text(errors="replace") for path in (self.dir / "log").iterdir() if "access" not in path.name)


def _result(ask):
    try:
        return ask()
    except OSError as error:
        return error
