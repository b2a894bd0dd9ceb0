"""A Debian that boots in qemu: commands in it, and requests to it from outside."""

import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import tarfile
import tempfile

from programs import ROOT
from waiting import wait_until


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Machine:
    """One machine, from its boot to its end; what it writes to its disk is gone then."""

    def __init__(self, suite, host, certificate):
        self.suite, self.host, self.certificate = suite, host, certificate
        done = subprocess.run([ROOT / "tools/lib/machine", suite], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.files = pathlib.Path(done.stdout.strip().splitlines()[-1])
        self.scratch = tempfile.TemporaryDirectory(prefix="tallystick-machine.", dir=ROOT / ".build")
        self.folder = pathlib.Path(self.scratch.name)
        self.agent, self.https = free_port(), free_port()
        self.payload = self.folder / "payload.tar"
        # Its size is the device's, which stays as it is.
        with open(self.payload, "wb") as file:
            file.truncate(128 << 20)
        self.boot()

    def boot(self):
        forward = f"hostfwd=tcp:127.0.0.1:{self.agent}-:4444,hostfwd=tcp:127.0.0.1:{self.https}-:443"
        # Software emulation: hardware acceleration is not everywhere. No network but the two ports.
        self.process = subprocess.Popen(
            # It ends with the tests, whatever ends them.
            ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-smp", "2", "-display", "none",
             "-serial", f"file:{self.folder / 'console'}", "-monitor", "none",
             "-kernel", self.files / "vmlinuz", "-initrd", self.files / "initrd.img",
             "-append", "console=ttyS0 root=/dev/vda rw quiet",
             "-drive", f"file={self.files / 'disk.img'},format=raw,if=virtio,snapshot=on",
             "-drive", f"file={self.payload},format=raw,if=virtio,readonly=on",
             "-netdev", f"user,id=n,restrict=on,{forward}", "-device", "virtio-net,netdev=n"],
            env={**os.environ, "TMPDIR": str(self.folder)}, stdin=subprocess.DEVNULL)
        self.wait_for_boot()

    def wait_for_boot(self):
        def is_up():
            assert self.process.poll() is None, "qemu ended: " + self.console()
            return self.answer("systemctl is-system-running --wait")

        try:
            wait_until(is_up, "the boot", 300, 0.5)
        except AssertionError:
            print(self.console())
            raise

    def console(self):
        path = self.folder / "console"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.scratch.cleanup()

    # Inside

    def answer(self, script, seconds=240):
        """The output and the status of a script that root runs; None where nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.agent), timeout=seconds) as connection:
                connection.sendall(script.encode() + b"\0")
                said = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
        except OSError:
            return None
        found = re.search(r"\nexit (\d+)\n$", said)
        return (said[:found.start()], int(found[1])) if found else None

    def run(self, script, status=0):
        """What a script of root's printed; it must end with this status."""
        answer = self.answer(script)
        assert answer is not None, (script, self.console())
        assert answer[1] == status, f"{script}\nended with {answer[1]}:\n{answer[0][-3000:]}"
        return answer[0]

    def bring(self, files):
        """Copies files of this host to paths below / of the machine."""
        with open(self.payload, "r+b") as target, tarfile.open(fileobj=target, mode="w") as archive:
            for source, name in files.items():
                archive.add(source, name, filter=owned_by_root)
        self.run("blockdev --flushbufs /dev/vdb; tar -C / -xf /dev/vdb")

    def reboot(self):
        before = self.run("cat /proc/sys/kernel/random/boot_id")
        self.answer("systemctl --no-block reboot")
        wait_until(lambda: (self.answer("cat /proc/sys/kernel/random/boot_id", 5) or (before,))[0] != before,
                   "the next boot", 300, 0.5)
        self.wait_for_boot()

    def pid(self, program):
        return int(self.run(f"systemctl show -P MainPID tallystick-{program}.service"))

    # From outside

    def ask(self, method, path, body=None, token=None, cookies=None, headers=None):
        """One request over TLS, as a client sends it."""
        headers = dict(headers or {})
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        connection = Connection(self.host, self.https, self.certificate)
        try:
            connection.request(method, path, data, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()


class Answer:
    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.headers = response.headers
        self.cookies = {}
        for line in response.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def token(self):
        return self.json["access_token"]


class Connection(http.client.HTTPSConnection):
    """To the forwarded port, in the name of the site."""

    def __init__(self, host, port, certificate):
        super().__init__(host, timeout=60, context=ssl.create_default_context(cafile=certificate))
        self.forwarded = port

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.forwarded), timeout=60)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


def owned_by_root(info):
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info
