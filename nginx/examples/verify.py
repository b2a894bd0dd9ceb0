#!/usr/bin/env python3
"""A service that verifies access tokens by itself, with the issuer's key set. Needs PyJWT and cryptography.

usage: verify.py ISSUER [AUDIENCE] <authorization-header        prints the claims, or why not

Such a service sees no sign-out: a token is good until it expires, 15 minutes unless TALLYSTICK_ACCESS_LIFETIME
says otherwise. Where a sign-out must count at once, let nginx ask `check`, or ask GET /auth/me.
"""

import json
import ssl
import sys
import threading
import time
import urllib.request

import jwt

# Which algorithm a key may be used with: never the one that a token names by itself (RFC 8725 §3.1).
ALGORITHMS = {("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
# Signed into the future by a clock that is ahead.
LEEWAY = 2


class Refused(Exception):
    """The token does not count. The text is for the log, not for the client."""


class Verifier:
    """Holds the issuer's keys. One serves all threads.

    `audience` is what tokens for this service say, the issuer unless TALLYSTICK_AUDIENCE is set. `fetch`
    returns the bytes of the key set. It is asked again for a key that is not known, at most every 30 s.
    """

    def __init__(self, issuer, audience=None, fetch=None, context=None, clock=time.monotonic):
        self.issuer, self.audience = issuer, audience or issuer
        self._fetch = fetch or (lambda: read(f"{issuer}/.well-known/jwks.json", context))
        self._clock, self._lock, self._keys, self._fetched = clock, threading.Lock(), {}, None

    def claims(self, authorization):
        """The claims of the token in an `Authorization` header.

        `sub` identifies the account for ever, `preferred_username` is its name, `groups` a list, `sid` the
        session. It raises Refused for everything that is no access token of this issuer for this service.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refused("no bearer token")
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
                # A refresh token, or the token of a gate cookie (RFC 9068 §4).
                raise Refused("another type of token")
            if "crit" in header:
                raise Refused("an extension that must be understood")
            algorithm, key = self._key(header.get("kid"))
            claims = jwt.decode(
                token, key, algorithms=[algorithm], issuer=self.issuer, audience=self.audience, leeway=LEEWAY,
                options={"require": ["iss", "aud", "sub", "exp", "iat", "sid"], "strict_aud": True})
        except jwt.PyJWTError as error:
            raise Refused(str(error)) from None
        # PyJWT takes a text for a number.
        if any(type(claims[name]) is not int for name in ("exp", "iat")):
            raise Refused("a time that is no number")
        return claims

    def _key(self, name):
        with self._lock:
            now = self._clock()
            # Many tokens with invented names cause one request.
            if name not in self._keys and (self._fetched is None or now - self._fetched >= 30):
                self._fetched = now
                try:
                    self._keys = keys(self._fetch())
                except (OSError, ValueError) as error:
                    raise Refused(f"the key set cannot be read: {error}") from None
            if name not in self._keys:
                raise Refused("no such key")
            return self._keys[name]


def keys(text):
    """{name: (algorithm, key)} of a key set; keys of other kinds are left out."""
    found = {}
    for key in json.loads(text)["keys"]:
        algorithm = ALGORITHMS.get((key.get("kty"), key.get("crv")))
        if algorithm and "kid" in key:
            found[key["kid"]] = (algorithm, jwt.PyJWK(key, algorithm).key)
    return found


def read(url, context=None):
    if not url.startswith("https://"):
        raise OSError("the issuer must be https")
    with urllib.request.urlopen(url, timeout=5, context=context or ssl.create_default_context()) as answer:
        return answer.read(65536)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        sys.exit(0 if "--help" in sys.argv else 100)
    try:
        print(json.dumps(Verifier(*sys.argv[1:]).claims(sys.stdin.readline().strip()), indent=2))
    except Refused as refusal:
        sys.exit(f"refused: {refusal}")
