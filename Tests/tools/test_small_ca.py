"""tools/small-ca: an authority for the machines that ask the issuer."""

import subprocess

import pytest
from programs import ROOT

TOOL = ROOT / "tools/small-ca"


def make(*arguments):
    return subprocess.run([str(part) for part in (TOOL, *arguments)], capture_output=True, text=True, check=False)


def openssl(*arguments):
    return subprocess.run(["openssl", *(str(part) for part in arguments)], capture_output=True, text=True, check=False)


def test_it_makes_an_authority_a_server_and_machines(tmp_path):
    made = make(tmp_path / "ca", "app.example.org", "db1")
    assert made.returncode == 0, made.stderr
    names = {path.name for path in (tmp_path / "ca").iterdir()}
    assert names == {f"{name}.{kind}" for name in ("ca", "issuer", "app.example.org", "db1") for kind in ("pem", "key")}
    for path in (tmp_path / "ca").iterdir():
        assert path.stat().st_mode & 0o777 == (0o600 if path.suffix == ".key" else 0o644)
    authority = tmp_path / "ca/ca.pem"
    for name, purpose, good in (("issuer", "sslserver", True), ("issuer", "sslclient", False), ("db1", "sslclient", True), ("db1", "sslserver", False)):
        verified = openssl("verify", "-CAfile", authority, "-purpose", purpose, tmp_path / f"ca/{name}.pem")
        assert (verified.returncode == 0) == good, (name, purpose, verified.stderr)
    subject = openssl("x509", "-in", tmp_path / "ca/app.example.org.pem", "-noout", "-subject", "-nameopt", "rfc2253").stdout
    assert subject == "subject=CN=app.example.org\n"
    assert "DNS:tallystick-issuer" in openssl("x509", "-in", tmp_path / "ca/issuer.pem", "-noout", "-ext", "subjectAltName").stdout
    # A machine cannot sign for others.
    assert "CA:FALSE" in openssl("x509", "-in", tmp_path / "ca/db1.pem", "-noout", "-ext", "basicConstraints").stdout


def test_it_makes_nothing_twice(tmp_path):
    assert make(tmp_path, "db1").returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = make(tmp_path, "db1", "db2")
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert again.returncode == 0 and {name: after[name] for name in before} == before and set(after) - set(before) == {"db2.pem", "db2.key"}


def test_another_authority_of_the_same_names_is_another(tmp_path):
    for name in ("one", "other"):
        make(tmp_path / name, "db1")
    assert openssl("verify", "-CAfile", tmp_path / "one/ca.pem", tmp_path / "other/db1.pem").returncode != 0


@pytest.mark.parametrize("arguments", [(), ("--no-such",), ("DIR", "../x"), ("DIR", "A"), ("DIR", "ca"), ("DIR", "issuer"), ("DIR", "a/b"), ("DIR", "a,CN=b"),
                                       ("DIR", ""), ("DIR", "--days"), ("DIR", "--days", "x"), ("DIR", "-x")])
def test_a_wrong_argument_is_named(tmp_path, arguments):
    refused = make(*(str(tmp_path / "ca") if part == "DIR" else part for part in arguments))
    assert refused.returncode == 100 and refused.stderr.count("\n") == 1 and not (tmp_path / "ca").exists()


def test_help_is_help():
    told = make("--help")
    assert told.returncode == 0 and "usage: tools/small-ca" in told.stdout
