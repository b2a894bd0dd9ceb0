"""The other half of tools/interop/run: PyJWT and the jose command.

usage: theirs.py DIRECTORY
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ISSUER = "https://auth.example"
AUDIENCE = "https://api.example"


def refused(verify) -> bool:
    """Whether PyJWT refuses."""
    try:
        verify()
    except jwt.InvalidTokenError:
        return True
    return False


def jose(*arguments: str, stdin: str) -> subprocess.CompletedProcess:
    return subprocess.run(["jose", *arguments], input=stdin, capture_output=True, text=True)


def spoiled(token: str, segment: int) -> str:
    """The token with one character of a segment exchanged."""
    parts = token.split(".")
    text = parts[segment]
    parts[segment] = text[:10] + ("A" if text[10] != "A" else "B") + text[11:]
    return ".".join(parts)


def check_ours(folder: Path, algorithm: str) -> dict:
    """Has PyJWT verify our token with our published keys; its claims."""
    token = (folder / "ours.jwt").read_text()
    header = jwt.get_unverified_header(token)
    assert header["alg"] == algorithm and header["typ"] == "at+jwt", header
    keys = jwt.PyJWKSet.from_json((folder / "jwks.json").read_text())
    key = keys[header["kid"]].key

    def verify(text: str = token, audience: str = AUDIENCE, issuer: str = ISSUER) -> dict:
        return jwt.decode(text, key, algorithms=[algorithm], audience=audience, issuer=issuer,
                          options={"require": ["exp", "iat", "sub", "jti"]})

    claims = verify()
    assert claims["groups"] == ["staff", "é"] and claims["preferred_username"] == "alice", claims
    assert refused(lambda: verify(spoiled(token, 1)))
    assert refused(lambda: verify(spoiled(token, 2)))
    assert refused(lambda: verify(audience="https://other.example"))
    assert refused(lambda: verify(issuer="https://other.example"))
    print(f"PyJWT {jwt.__version__} reads ours: {algorithm}")
    return claims


def check_ours_by_jose(folder: Path) -> None:
    token = (folder / "ours.jwt").read_text()
    arguments = ("jws", "ver", "-i", "-", "-k", str(folder / "jwks.json"), "-O", "-")
    found = jose(*arguments, stdin=token)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["iss"] == ISSUER, found.stdout
    for segment in (1, 2):
        assert jose(*arguments, stdin=spoiled(token, segment)).returncode != 0
    print("jose reads ours: ES256")


def write(folder: Path, name: str, token: str, expected: str) -> None:
    (folder / f"theirs-{name}.jwt").write_text(token)
    (folder / f"theirs-{name}.expected").write_text(expected)


def sign(folder: Path, algorithm: str, claims: dict) -> None:
    """Signs with our private key, as PyJWT and jose do."""
    kid = jwt.get_unverified_header((folder / "ours.jwt").read_text())["kid"]
    key = load_pem_private_key((folder / f"keys/private/{kid}.pem").read_bytes(), None)
    now = int(time.time())
    claims = claims | {"iat": now, "exp": now + 600}
    header = {"kid": kid, "typ": "at+jwt"}

    def token(changes: dict, **headers) -> str:
        return jwt.encode(claims | changes, key, algorithm, headers=header | headers)

    write(folder, "pyjwt", token({}), "valid")
    write(folder, "pyjwt-list", token({"aud": ["https://x.example", AUDIENCE]}), "valid")
    write(folder, "pyjwt-audience", token({"aud": "https://x.example"}), "token for another audience")
    write(folder, "pyjwt-expired", token({"iat": now - 900, "exp": now - 60}), "token expired")
    write(folder, "pyjwt-type", token({}, typ="JWT"), "token of another type")
    write(folder, "pyjwt-float", token({"exp": now + 600.5}), "token claim exp wrong")
    write(folder, "pyjwt-spoiled", spoiled(token({}), 1), "token signature wrong")
    if algorithm == "ES256":
        own = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key))
        (folder / "private.jwk").write_text(json.dumps(own))
        template = json.dumps({"protected": header | {"alg": algorithm}})
        signed = jose("jws", "sig", "-I", "-", "-k", str(folder / "private.jwk"),
                      "-s", template, "-c", "-o", "-", stdin=json.dumps(claims))
        assert signed.returncode == 0, signed.stderr
        write(folder, "jose", signed.stdout.strip(), "valid")
        write(folder, "jose-spoiled", spoiled(signed.stdout.strip(), 2), "token signature wrong")


def main() -> None:
    work = Path(sys.argv[1])
    for algorithm in ("ES256", "EdDSA"):
        folder = work / algorithm
        sign(folder, algorithm, check_ours(folder, algorithm))
    check_ours_by_jose(work / "ES256")


main()
