"""What the tests of the package share: the package, and Debians that boot and have it installed."""

import pathlib
import re
import subprocess
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("harness", "routes")]

from machine import Machine  # noqa: E402
from programs import ROOT, programs  # noqa: E402

SUITES = ("bookworm", "trixie")
HOST = "auth.example.org"


@pytest.fixture(scope="session")
def package():
    """The package as tools/package builds it."""
    return build(ROOT / ".build" / "package")


def build(folder, *options):
    done = subprocess.run(
        [ROOT / "tools/package", "--programs", programs(), "--output", folder, *options],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip().split(": ")[-1])


@pytest.fixture(scope="session")
def newer(package, tmp_path_factory):
    """The same package, of the version after."""
    folder = tmp_path_factory.mktemp("newer")
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+1", control.read_text()))
    name = folder / package.name
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", folder / "tree", name],
                   check=True, capture_output=True)
    return name


def handbook(title, block=0):
    """The commands of a section of the operator's handbook: those of one block, counted from 0."""
    page = (ROOT / "tools/README.md").read_text()
    section = re.search(rf"^### {title}\n(.*?)(?=^##)", page, re.M | re.S)[1]
    return re.findall(r"```bash\n(.*?)```", section, re.S)[block].rstrip()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of the issuer's host, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
         "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module", params=SUITES)
def machine(request, package, newer, certificate):
    """A Debian that has booted and has the files in /payload."""
    with Machine(request.param, HOST, certificate / "fullchain.pem") as running:
        running.bring({
            package: f"payload/{package.name}", newer: f"newer/{newer.name}",
            certificate / "fullchain.pem": f"etc/letsencrypt/live/{HOST}/fullchain.pem",
            certificate / "privkey.pem": f"etc/letsencrypt/live/{HOST}/privkey.pem"})
        yield running
