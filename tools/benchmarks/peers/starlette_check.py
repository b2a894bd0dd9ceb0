"""`check` in Starlette with PyJWT, served by uvicorn: verifies an HS256 token."""

import base64
import os
import pathlib

import jwt
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

TEXT = pathlib.Path(os.environ["BENCH_SECRET"]).read_text().strip()
SECRET = base64.urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4))


async def check(request):
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise jwt.InvalidTokenError
        claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="https://localhost")
    except jwt.InvalidTokenError:
        return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
    return Response(
        status_code=204,
        headers={"X-Auth-User": claims["preferred_username"], "X-Auth-Subject": claims["sub"]},
    )


application = Starlette(routes=[Route("/check", check)])
