"""Parses tokens, and forges tokens with any header and claims.

RFC 7515.
"""

import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

# A claim or a header to leave out.
NONE = object()


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(token):
    """The claims of a token, unverified."""
    return json.loads(decode(token.split(".")[1]))


def header(token):
    """The header of a token."""
    return json.loads(decode(token.split(".")[0]))


def changed(members, changes):
    return {name: value for name, value in (members | changes).items() if value is not NONE}


class Forge:
    """Signs with the keys of a state directory, which no client has. So a single claim can be what is wrong."""

    def __init__(self, state):
        self.keys = pathlib.Path(state) / "keys"

    def access(self, like, head=(), **claim):
        """An access token like another one, with other claims; ES256."""
        return self.sign(changed(header(like), dict(head)), changed(claims(like), claim), header(like)["kid"])

    def refresh(self, like, head=(), **claim):
        """A refresh token like another one, with other claims; HS256."""
        return self.mac(changed(header(like), dict(head)), changed(claims(like), claim))

    def sign(self, head, payload, kid=None):
        """Signs a header and a payload, given as members or as text, with the key that `kid` or the header names."""
        signed = ".".join(encode(text(part)) for part in (head, payload))
        private = (self.keys / f"private/{kid or head['kid']}.pem").read_bytes()
        key = serialization.load_pem_private_key(private, None)
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def mac(self, head, payload):
        """Authenticates a header and a payload by the secret of refresh tokens."""
        signed = ".".join(encode(text(part)) for part in (head, payload))
        secret = decode((self.keys / "refresh.secret").read_text().strip())
        return f"{signed}.{encode(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def text(part):
    return part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
