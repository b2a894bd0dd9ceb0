"""A site whose `check` does not run, so that a test can answer in its place."""

import contextlib
import os
import pathlib
import tempfile

from fastcgi import Responder
from programs import programs
from site_under_test import Site

# A second server, whose nginx makes a new connection to `check` for every decision.
WITHOUT_KEEPALIVE = """
include tallystick/server/errors.conf;
include tallystick/server/check-no-keepalive.conf;
location /public/ {
  include tallystick/location/guard.conf;
  proxy_pass http://example_application;
}
location /public/staff/ {
  auth_request /tallystick/check/staff;
  include tallystick/location/guarded.conf;
  proxy_pass http://example_application;
}
"""


@contextlib.contextmanager
def unchecked_site():
    """The shipped site, and `unkept.localhost` with the switch."""
    with tempfile.TemporaryDirectory(prefix="tallystick-programs.") as scratch:
        folder = pathlib.Path(scratch)
        for program in programs().iterdir():
            if program.is_file() and os.access(program, os.X_OK) and program.name != "check":
                (folder / program.name).symlink_to(program)
        (folder / "check").write_text("#!/bin/sh\nexit 100\n")
        (folder / "check").chmod(0o755)
        running = Site(folder=folder)
        try:
            running.add_site("unkept", WITHOUT_KEEPALIVE)
            yield running
        finally:
            running.close()


@contextlib.contextmanager
def in_place_of_check(site, answer):
    """A responder at the socket of `check`; `answer` as for `Responder`."""
    responder = Responder(site.dir / "run/check.sock", answer)
    try:
        yield responder
    finally:
        responder.close()
