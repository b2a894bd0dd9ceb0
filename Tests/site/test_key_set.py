"""nginx/examples/verify.py: a service that verifies tokens by itself, with the key set that nginx serves."""

import hashlib
import hmac
import importlib.util
import json
import os
import ssl
import subprocess
import sys
import time

import pytest
from programs import ROOT
from site_under_test import Site
from tokens import NONE, Forge, claims, encode, header
from visitor import GATE, Visitor

EXAMPLE = ROOT / "nginx/examples/verify.py"
spec = importlib.util.spec_from_file_location("verify", EXAMPLE)
verify = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify)


@pytest.fixture(scope="module")
def issuer():
    """A site whose keys may be changed."""
    running = Site()
    yield running
    running.close()


@pytest.fixture(scope="module")
def carol(issuer):
    return issuer.register("carol")


class Fetch:
    """Reads the key set through nginx, and counts."""

    def __init__(self, issuer):
        self.issuer, self.count = issuer, 0

    def __call__(self):
        self.count += 1
        return verify.read(f"{self.issuer.url}/.well-known/jwks.json", ssl.create_default_context(cafile=self.issuer.dir / "tls/cert.pem"))


@pytest.fixture
def verifier(issuer):
    return verify.Verifier(issuer.url, fetch=Fetch(issuer))


def is_refused(verifier, authorization):
    with pytest.raises(verify.Refused):
        verifier.claims(authorization)
    return True


def test_a_token_of_the_issuer_counts(verifier, carol):
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert verifier.claims(f"{scheme} {carol.token}") == claims(carol.token)
    assert verifier.claims(f"Bearer {carol.token}")["preferred_username"] == "carol"


def test_nothing_else_does(issuer, verifier, carol):
    """T009-T024 as far as a service is concerned; another kind of token is no access token."""
    forge, now = Forge(issuer.dir / "state"), int(time.time())
    good = forge.access(carol.token)
    assert verifier.claims(f"Bearer {good}")
    visitor = Visitor(issuer, carol)
    visitor.come_in("site.localhost")
    for change in ({"exp": now - 10}, {"exp": NONE}, {"exp": "1999999999"}, {"iat": now + 60}, {"iss": issuer.url + "/"}, {"iss": NONE}, {"aud": "https://other"},
                   {"aud": NONE}, {"aud": [issuer.url, "https://other"]}, {"sub": NONE}, {"sid": NONE}, {"nbf": now + 60}):
        assert is_refused(verifier, f"Bearer {forge.access(carol.token, **change)}"), change
    for head in ({"typ": "JWT"}, {"typ": "rt+jwt"}, {"typ": "gt+jwt"}, {"typ": NONE}, {"alg": "none"}, {"alg": "HS256"}, {"alg": "EdDSA"}, {"crit": ["exp"]},
                 {"kid": "x"}, {"kid": NONE}):
        forged = forge.sign({name: value for name, value in (header(carol.token) | head).items() if value is not NONE}, claims(carol.token), header(carol.token)["kid"])
        assert is_refused(verifier, f"Bearer {forged}"), head
    for token in (carol.cookie, visitor.jars["site.localhost"][GATE], good[:-2], good + "A", "", "x", "a.b.c", good.rpartition(".")[0] + "."):
        assert is_refused(verifier, f"Bearer {token}"), token
    for text in (good, f"Basic {good}", f"Bearer  {good} x", f"Bearer,{good}", None, "", "Bearer"):
        assert is_refused(verifier, text), text


def test_the_public_key_is_no_secret_of_a_mac(issuer, verifier, carol):
    """T010: HS256 with whatever of the key is public."""
    key = json.loads(Fetch(issuer)())["keys"][0]
    verifier.claims(f"Bearer {carol.token}")
    signed = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "at+jwt", "kid": key["kid"]}, claims(carol.token)))
    for secret in (json.dumps(key).encode(), key["x"].encode(), Fetch(issuer)()):
        forged = f"{signed}.{encode(hmac.digest(secret, signed.encode(), hashlib.sha256))}"
        assert is_refused(verifier, f"Bearer {forged}")


def test_a_rotated_key_is_found_and_invented_ones_cause_one_request(issuer, carol):
    """T041, T014."""
    now, fetch, forge = [0], Fetch(issuer), Forge(issuer.dir / "state")
    # What the service read before the key was there.
    old = json.dumps({"keys": [key for key in json.loads(fetch())["keys"] if key["kid"] == header(carol.token)["kid"]]}).encode()
    issuer.admin("key", "rotate")
    fresh = issuer.login("carol").json()["access_token"]
    assert header(fresh)["kid"] != header(carol.token)["kid"]
    answers = iter([old])
    verifier = verify.Verifier(issuer.url, fetch=lambda: next(answers, None) or fetch(), clock=lambda: now[0])
    assert verifier.claims(f"Bearer {carol.token}") and is_refused(verifier, f"Bearer {fresh}")
    for number in range(50):
        forged = forge.sign(header(carol.token) | {"kid": f"invented{number}"}, claims(carol.token), header(carol.token)["kid"])
        assert is_refused(verifier, f"Bearer {forged}")
    assert fetch.count == 1
    now[0] = 31
    assert verifier.claims(f"Bearer {fresh}") and verifier.claims(f"Bearer {carol.token}") and fetch.count == 2


def test_an_issuer_that_cannot_be_read_lets_nobody_in(issuer, carol):
    for fetch in (lambda: b"{", lambda: b'{"keys":[]}', lambda: verify.read("http://localhost/"), lambda: verify.read(f"{issuer.url}/.well-known/jwks.json")):
        assert is_refused(verify.Verifier(issuer.url, fetch=fetch), f"Bearer {carol.token}")


def test_the_example_runs_as_it_says(issuer, carol):
    def run(text):
        environment = os.environ | {"SSL_CERT_FILE": str(issuer.dir / "tls/cert.pem")}
        return subprocess.run([sys.executable, EXAMPLE, issuer.url], input=text, env=environment, capture_output=True, text=True, check=False)

    assert json.loads(run(f"Bearer {carol.token}\n").stdout) == claims(carol.token)
    refused = run("Bearer x\n")
    assert refused.returncode == 1 and refused.stderr.startswith("refused: ") and "Traceback" not in refused.stderr
