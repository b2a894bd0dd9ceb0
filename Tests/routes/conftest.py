import pytest

from harness import Host


@pytest.fixture(params=["cgi", "fastcgi"])
def host(request, tmp_path):
    """A fresh state directory, its programs called by hand as CGI and over real sockets."""
    host = Host(tmp_path, **getattr(request.node.get_closest_marker("settings"), "kwargs", {}))
    host.admin("init")
    host.way = request.param
    yield host
    host.stop()


@pytest.fixture
def server(request, tmp_path):
    """The same over real sockets alone, for what CGI has no word for."""
    host = Host(tmp_path, **getattr(request.node.get_closest_marker("settings"), "kwargs", {}))
    host.admin("init")
    host.way = "fastcgi"
    yield host
    host.stop()


def pytest_configure(config):
    config.addinivalue_line("markers", "settings(**values): settings of the host, without their prefix")
