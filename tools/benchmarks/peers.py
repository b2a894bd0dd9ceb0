"""The same job in other packages: Express, Starlette with PyJWT on uvicorn, njs inside nginx."""

import contextlib
import os
import pathlib
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time

import machine
from machine import HERE, note
from sites import ISSUER, LIFETIME, base64url, hs256

NODE_PATHS = ["/usr/share/nodejs", "/usr/lib/nodejs", "/usr/lib/x86_64-linux-gnu/nodejs"]
NJS = "/usr/lib/nginx/modules/ngx_http_js_module.so"
PACKAGES = ["starlette", "PyJWT", "uvicorn", "uvloop", "httptools"]


def _token(secret):
    now = int(time.time())
    name = "abcdefghijklmnopqrstuvwxyz"
    return hs256(
        {"alg": "HS256", "kid": "bench", "typ": "at+jwt"},
        {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": name,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": name,
            "sid": name,
            "gen": 1,
            "ver": 1,
            "preferred_username": "bench",
            "groups": [],
        },
        secret,
    )


def node_environment(bench, wanted):
    """The environment in which node finds these modules; None, with a note, where it does not."""
    if not shutil.which("node"):
        note("no node: install Debian's nodejs and node-express for the comparison with Express")
        return None
    environment = {"PATH": os.environ["PATH"], "NODE_ENV": "production", "NODE_PATH": ":".join(NODE_PATHS)}
    for attempt in ("as installed", "fetched"):
        done = subprocess.run(
            ["node", "-e", ";".join(f"require('{name}')" for name in wanted)],
            env=environment,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return environment
        if attempt == "as installed" and "sqlite3" in wanted:
            environment |= _fetched_sqlite(bench.cache / "node", environment)
    note(f"node finds no {' and '.join(wanted)}: install Debian's node-express and node-sqlite3")
    return None


def _fetched_sqlite(folder, environment):
    """Debian's node-sqlite3 beside a node that is not Debian's, into which it cannot be installed.

    The module names Debian's libnode only for the symbols that any node has; an empty library of that
    name satisfies the loader, and node-pre-gyp would only search for the module that is here.
    """
    module = folder / "usr/lib/x86_64-linux-gnu/nodejs/sqlite3"
    if not module.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["apt-get", "download", "-q", "node-sqlite3"], cwd=folder, capture_output=True, check=False
        )
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(folder)], check=False)
        subprocess.run(
            ["cc", "-shared", "-o", str(folder / "libnode.so.108"), "-x", "c", "/dev/null"], check=False
        )
        shim = folder / "shim/@mapbox/node-pre-gyp"
        shim.mkdir(parents=True, exist_ok=True)
        (shim / "index.js").write_text(
            "exports.find = (file) => require('path').join(require('path').dirname(file),"
            " 'lib/binding/napi-v6-linux-glibc-x64/node_sqlite3.node');\n"
        )
    paths = [
        str(folder / "usr/lib/x86_64-linux-gnu/nodejs"),
        str(folder / "shim"),
        environment["NODE_PATH"],
    ]
    return {"NODE_PATH": ":".join(paths), "LD_LIBRARY_PATH": str(folder)}


def _python(bench):
    """A Python with Starlette in an environment of its own; None, with a note, without a network."""
    folder = bench.cache / "python"
    python = folder / "bin/python"
    ready = [str(python), "-c", "import starlette, jwt, uvicorn, uvloop, httptools"]
    if not python.exists() or subprocess.run(ready, capture_output=True, check=False).returncode != 0:
        for command in (
            [sys.executable, "-m", "venv", folder],
            [python, "-m", "pip", "install", "-q", *PACKAGES],
        ):
            done = subprocess.run(
                [str(word) for word in command], capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                note(f"no Starlette: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
                return None
    return python


def add_checks(site):
    """Adds the responders of others to a site; their titles by name."""
    secret = secrets.token_bytes(32)
    file = site.folder / "peer.secret"
    file.write_text(base64url(secret) + "\n")
    token, titles, workers = _token(secret), {}, machine.CORES

    environment = node_environment(site.bench, ["express"])
    if environment:
        socket = site.folder / "run/express.sock"
        site.start(
            "express", ["node", HERE / "peers/express.js", socket, workers, file], environment, socket
        )
        titles["express"] = f"Express, node's crypto, tuned, {workers} processes, HS256"
        _proxied(site, "express", socket, token)
    python = _python(site.bench)
    if python:
        socket = site.folder / "run/starlette.sock"
        words = [
            python,
            "-m",
            "uvicorn",
            "starlette_check:application",
            "--app-dir",
            HERE / "peers",
            "--uds",
            socket,
            "--workers",
            workers,
            "--log-level",
            "warning",
            "--no-access-log",
            "--backlog",
            1024,
        ]
        site.start("starlette", words, {"PATH": os.environ["PATH"], "BENCH_SECRET": str(file)}, socket)
        titles["starlette"] = f"Starlette + PyJWT on uvicorn, {workers} processes, HS256"
        _proxied(site, "starlette", socket, token)
        time.sleep(1)
    if pathlib.Path(NJS).exists():
        modules = site.folder / "njs"
        modules.mkdir()
        shutil.copy(HERE / "peers/njs.js", modules)
        (modules / "secret.js").write_text(f"export default '{base64url(secret)}';\n")
        site.main.append(f"load_module {NJS};")
        site.http.append(f"  js_path {modules}/;\n  js_import bench from njs.js;")
        site.guard("njs", "js_content bench.check;")
        site.add("njs", "njs", None, token)
        titles["njs"] = "njs inside nginx, HS256"
    else:
        note("no njs: install Debian's libnginx-mod-http-js for the comparison with it")
    return titles


def _proxied(site, name, socket, token):
    site.http.append(f"  upstream {name} {{ server unix:{socket}; keepalive 32; }}")
    site.guard(
        name,
        f"""proxy_pass http://{name}/check; proxy_http_version 1.1; proxy_pass_request_body off;
    proxy_set_header Content-Length ""; proxy_set_header Connection "";""",
    )
    site.add(name, name, name, token)


def add_refreshes(site, state):
    """Adds Express in one process and in one a core, each on a copy of the store; titles by name."""
    environment = node_environment(site.bench, ["express", "sqlite3"])
    if not environment:
        return {}
    key, titles = state.current_key(), {}
    for workers in dict.fromkeys((1, machine.CORES)):
        name = f"express{workers}"
        # On the same disk as ours: a folder for sockets may lie in memory.
        copy, socket = site.bench.store / f"{name}.db", site.folder / f"run/{name}.sock"
        _copy_store(state, copy)
        words = ["node", HERE / "peers/express.js", socket, workers, state.path / "keys/refresh.secret"]
        words += [copy, state.path / f"keys/private/{key['kid']}.pem", key["kid"], ISSUER]
        site.start(name, words, environment, socket)
        site.http.append(f"  upstream {name} {{ server unix:{socket}; keepalive 32; }}")
        site.server.append(f"""
  location = /{name}/auth/refresh {{
    proxy_pass http://{name}/auth/refresh; proxy_http_version 1.1; proxy_set_header Connection "";
  }}""")
        titles[name] = f"Express with node-sqlite3, {workers} process{'es' if workers > 1 else ''}"
    time.sleep(1)
    return titles


def _copy_store(state, copy):
    source = sqlite3.connect(f"file:{state.path}/tallystick.db?mode=ro", uri=True)
    with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = WAL")
