"""Fixtures of the site's tests: one site that all share, and one without `check`. Tests that break something start their own."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))

from site_under_test import Site  # noqa: E402
from unchecked import unchecked_site  # noqa: E402
from visitor import Visitor  # noqa: E402

# Files that look at what all others left behind.
LAST = ("test_logs.py",)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name in LAST)


@pytest.fixture(scope="session")
def site():
    """The site as tools/up starts it, with a port without TLS too."""
    running = Site(http=True)
    yield running
    running.close()


@pytest.fixture(scope="session")
def unchecked():
    """A site without `check`, for a test that answers in its place."""
    with unchecked_site() as running:
        yield running


@pytest.fixture(scope="session")
def alice(site):
    """An account in no group. Who changes its session uses an account of its own."""
    return site.register("alice")


@pytest.fixture(scope="session")
def inside(site, alice):
    """A browser of alice that has come in to both sites of the example, and to the issuer's own pages."""
    visitor = Visitor(site, alice)
    for host, path in (("site.localhost", "/"), ("other.localhost", "/"), ("localhost", "/private/")):
        assert visitor.come_in(host, path).status_code == 200
    return visitor


@pytest.fixture
def user(site):
    """A fresh account."""
    return site.register()
