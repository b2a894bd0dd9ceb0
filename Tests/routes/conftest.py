import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))

import stores  # noqa: E402
from harness import Host  # noqa: E402


@pytest.fixture(scope="session")
def initial(tmp_path_factory):
    """What `tallystick init` makes; each test has a copy."""
    host = Host(tmp_path_factory.mktemp("initial"))
    host.admin("init")
    return host.state


@pytest.fixture
def made(request, tmp_path, initial):
    """A fresh state directory, and the settings of the test's marker."""
    host = Host(tmp_path, like=initial, **getattr(request.node.get_closest_marker("settings"), "kwargs", {}))
    shutil.copytree(initial, host.state)
    yield host
    host.stop()
    stores.drop(host.state)


@pytest.fixture(params=["cgi", "fastcgi"])
def host(request, made):
    """Its programs called by hand as CGI, and over real sockets."""
    made.way = request.param
    return made


@pytest.fixture
def server(made):
    """The same over real sockets alone, for what CGI has no word for."""
    made.way = "fastcgi"
    return made


def pytest_configure(config):
    config.addinivalue_line("markers", "settings(**values): settings of the host, without their prefix")
    config.addinivalue_line("markers", "sqlite: about SQLite's file; another engine has nothing of it")


def pytest_collection_modifyitems(config, items):
    """Without the tests of an engine that is not under test."""
    others = [item for item in items if stores.ENGINE != "sqlite" and item.get_closest_marker("sqlite")]
    if others:
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)
