"""A gigabyte through the guard, up and down: nobody keeps it, in memory or on the disk (T086).

curl moves the bytes. What is compared is the memory of every process before and meanwhile.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import threading

import pytest
from programs import ROUTES
from test_pages import files_written
from visitor import Visitor

HOST, GIGABYTE = "site.localhost", 1 << 30
# In bytes: what a process may grow by while a thousand times as much goes through it.
ROOM = 24 << 20


def memory(pid):
    """The resident memory of a process that is not shared with files, in bytes; 0 where it has gone."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) << 10
    return 0


@contextlib.contextmanager
def growth(site):
    """{process: how much its memory grew at the most meanwhile}, filled in at the end."""
    names = {site.pid(name): name for name in (*ROUTES, "echo", "demo", "nginx")} | {pid: f"worker {pid}" for pid in site.workers()}
    before, most, over, grown = {pid: memory(pid) for pid in names}, {}, threading.Event(), {}

    def look():
        while not over.wait(0.02):
            for pid in names:
                most[pid] = max(most.get(pid, 0), memory(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield grown
    finally:
        over.set()
        thread.join()
        grown |= {names[pid]: most.get(pid, 0) - before[pid] for pid in names}


def curl(site, path, version, headers, *options):
    command = ["curl", "-sS", "--fail", "--cacert", site.dir / "tls/cert.pem", version, "--max-time", "400", "--resolve", f"{HOST}:{site.port}:127.0.0.1",
               *(f"-H{name}: {value}" for name, value in headers.items()), *options, f"https://{HOST}:{site.port}{path}"]
    return subprocess.run([str(part) for part in command], capture_output=True, check=True).stdout


@pytest.fixture(params=[("token", "--http1.1"), ("cookie", "--http2")], ids=lambda each: " ".join(each))
def way(site, alice, request):
    """(version, headers): of a program, and of a page's own script."""
    kind, version = request.param
    if kind == "token":
        return version, alice.bearer
    visitor = Visitor(site, alice)
    visitor.come_in(HOST)
    return version, visitor.cookie(HOST) | {"Origin": visitor.origin(HOST), "Sec-Fetch-Site": "same-origin"}


def test_a_gigabyte_goes_up_and_nothing_of_it_is_kept(site, way, tmp_path):
    path = tmp_path / "gigabyte"
    with path.open("wb") as file:
        file.truncate(GIGABYTE)
        # Not only zeros: the first and the last bytes must arrive, too.
        for at in (0, GIGABYTE // 2, GIGABYTE - 16):
            os.pwrite(file.fileno(), os.urandom(16), at)
    with growth(site) as grown, files_written(site.dir / "nginx/temp") as written:
        told = json.loads(curl(site, "/upload", *way, "-XPOST", "-T", path, "-H", "Expect:"))
    with path.open("rb") as file:
        assert told == {"bytes": GIGABYTE, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    assert not written and max(grown.values()) < ROOM, grown


def test_a_gigabyte_comes_down_and_nothing_of_it_is_kept(site, way):
    """The client reads slowly at first, so that nginx would have to keep what the application sends."""
    command = ["-o", "/dev/null", "-w", "%{size_download}", "--limit-rate", "400M"]
    with growth(site) as grown, files_written(site.dir / "nginx/temp") as written:
        assert curl(site, f"/download/{GIGABYTE}", *way, *command) == str(GIGABYTE).encode()
    assert not written and max(grown.values()) < ROOM, grown
