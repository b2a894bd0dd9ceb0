import pathlib
import sys

import pytest

for folder in ("harness", "routes"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / folder))

from harness import Host  # noqa: E402
from servers import Server  # noqa: E402


@pytest.fixture(scope="session")
def server():
    """A server that stays, for tests that do not harm it."""
    started = Server()
    yield started
    started.close()


class PostgreSQLHost(Host):
    """A host whose programs use the store behind this URI."""

    def __init__(self, folder, uri, **settings):
        super().__init__(folder, **settings)
        self.settings["TALLYSTICK_STORE"] = uri
        self.way = "fastcgi"


@pytest.fixture
def make_host(tmp_path):
    """Makes hosts, each with its own state directory."""
    hosts = []

    def make(uri, **settings):
        folder = tmp_path / f"host{len(hosts)}"
        folder.mkdir()
        hosts.append(PostgreSQLHost(folder, uri, **settings))
        return hosts[-1]

    yield make
    for host in hosts:
        host.stop()


@pytest.fixture
def empty(server):
    """The server, with no tables of ours."""
    server.sql("DROP SCHEMA IF EXISTS tallystick CASCADE")
    return server
