#!/usr/bin/env python3
"""The example of an application for programs: a WebDAV folder of class 1 for each account.

usage: application.py SOCKET FOLDER

It speaks HTTP/1.1 on a unix socket, and is mounted below /dav/. It knows whose folder is meant by what
nginx tells it: `X-Auth-Subject`. It has no login of its own. A browser sees the list of a folder.

  OPTIONS, PROPFIND, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE
"""

import contextlib
import email.utils
import html
import mimetypes
import os
import pathlib
import re
import shutil
import sys
import tempfile
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from unix_server import PIECE, Handler, serve

ROOT = "/dav/"
METHODS = "OPTIONS, PROPFIND, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE"


class Refused(Exception):
    """What is answered in place of what was asked for: a status."""


class Folder(Handler):
    server_version = "dav"
    place = pathlib.Path()

    def __getattr__(self, name):
        if name in {f"do_{method}" for method in METHODS.split(", ")}:
            return self.handle_method
        raise AttributeError(name)

    def handle_method(self):
        try:
            getattr(self, self.command.lower())()
        except Refused as refused:
            self.answer(refused.args[0])
        except (FileNotFoundError, NotADirectoryError):
            self.answer(409)
        except OSError:
            self.answer(500)

    # Where a path leads

    @property
    def home(self):
        """The folder of the account, which is made when it is first asked for."""
        subject = self.headers.get("X-Auth-Subject", "")
        if not re.fullmatch("[a-z2-7]{26}", subject):
            raise Refused(403)
        home = self.place / subject
        home.mkdir(exist_ok=True)
        return home

    def within(self, path):
        """The file of a path; nothing in it leads out of the folder."""
        path = urllib.parse.unquote(path, errors="strict")
        if not f"{path}/".startswith(ROOT) or "\0" in path:
            raise Refused(404)
        names = [name for name in path[len(ROOT):].split("/") if name]
        if any(name in (".", "..") or len(name.encode()) > 255 for name in names):
            raise Refused(404)
        return self.home.joinpath(*names)

    @property
    def file(self):
        try:
            return self.within(urllib.parse.urlsplit(self.path).path)
        except UnicodeError:
            raise Refused(400) from None

    def href(self, file):
        path = urllib.parse.quote(str(file.relative_to(self.home)))
        return ROOT + ("" if path == "." else path) + ("/" if file.is_dir() and path != "." else "")

    # The methods

    def options(self):
        self.answer(200, headers=(("DAV", "1"), ("Allow", METHODS), ("MS-Author-Via", "DAV")))

    def get(self):
        file = self.file
        if file.is_dir():
            names = sorted((each.name + "/" * each.is_dir() for each in file.iterdir()))
            rows = "".join(f'<li><a href="{html.escape(urllib.parse.quote(name))}">{html.escape(name)}</a>' for name in names)
            title = html.escape(self.href(file))
            text = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><h1>{title}</h1><ul>{rows}</ul>\n"
            self.answer(200, text.encode(), "text/html; charset=utf-8",
                        headers=(("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'"),))
            return
        if not file.is_file():
            raise Refused(404)
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            self.send_response(200)
            # A page that somebody has put here must not be one of this site.
            self.send_header("Content-Type", "application/octet-stream" if "html" in self.kind(file) or "xml" in self.kind(file) else self.kind(file))
            self.send_header("Content-Security-Policy", "default-src 'none'; sandbox")
            self.send_header("Content-Length", str(size))
            self.send_header("Last-Modified", email.utils.formatdate(file.stat().st_mtime, usegmt=True))
            self.end_headers()
            while size > 0 and self.command != "HEAD" and (piece := opened.read(min(size, PIECE))):
                size -= self.wfile.write(piece)

    head = get

    def put(self):
        file = self.file
        if file.is_dir() or file == self.home:
            raise Refused(405)
        was_there = file.exists()
        descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=".put-")
        try:
            with open(descriptor, "wb") as opened:
                for piece in self.body():
                    opened.write(piece)
            os.replace(draft, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
        self.answer(204 if was_there else 201)

    def delete(self):
        file = self.file
        if file == self.home:
            raise Refused(403)
        self.remove(file)
        self.answer(204)

    def mkcol(self):
        file = self.file
        if next(iter(self.body()), b""):
            raise Refused(415)
        if file.exists():
            raise Refused(405)
        file.mkdir()
        self.answer(201)

    def copy(self):
        file, target, was_there = self.both()
        if file.is_dir():
            shutil.copytree(file, target)
        else:
            shutil.copy2(file, target)
        self.answer(204 if was_there else 201)

    def move(self):
        file, target, was_there = self.both()
        if file == self.home:
            raise Refused(403)
        os.rename(file, target)
        self.answer(204 if was_there else 201)

    def both(self):
        """The file, the place that `Destination` names, which is free now, and whether something was there."""
        file, destination = self.file, urllib.parse.urlsplit(self.headers.get("Destination", ""))
        # nginx says which site this is, and no client.
        if destination.netloc.partition(":")[0] not in ("", self.headers.get("Host", "").partition(":")[0]):
            raise Refused(502)
        target = self.within(destination.path)
        if not file.exists():
            raise Refused(404)
        if target == self.home or target == file or file in target.parents or target in file.parents:
            raise Refused(403)
        was_there = target.exists()
        if was_there:
            if self.headers.get("Overwrite", "T").upper() == "F":
                raise Refused(412)
            self.remove(target)
        return file, target, was_there

    def propfind(self):
        file = self.file
        for _ in self.body():
            pass  # every property is answered, whichever was asked for
        if not file.exists():
            raise Refused(404)
        depth = self.headers.get("Depth", "infinity")
        if depth not in ("0", "1"):
            self.answer(403, b'<?xml version="1.0"?><error xmlns="DAV:"><propfind-finite-depth/></error>', "application/xml")
            return
        found = [file] + (sorted(file.iterdir()) if depth == "1" and file.is_dir() else [])
        text = "".join(self.properties(each) for each in found if not each.name.startswith(".put-"))
        self.answer(207, f'<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">{text}</D:multistatus>\n'.encode(),
                    "application/xml; charset=utf-8")

    def properties(self, file):
        state = file.stat()
        kind = "<D:collection/>" if file.is_dir() else ""
        more = "" if kind else (f"<D:getcontentlength>{state.st_size}</D:getcontentlength>"
                                f"<D:getcontenttype>{html.escape(self.kind(file))}</D:getcontenttype>")
        return (f"<D:response><D:href>{html.escape(self.href(file))}</D:href><D:propstat><D:prop>"
                f"<D:resourcetype>{kind}</D:resourcetype><D:displayname>{html.escape(file.name)}</D:displayname>"
                f"<D:getlastmodified>{email.utils.formatdate(state.st_mtime, usegmt=True)}</D:getlastmodified>{more}"
                "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>")

    # Parts of them

    @staticmethod
    def kind(file):
        return mimetypes.guess_type(file.name)[0] or "application/octet-stream"

    @staticmethod
    def remove(file):
        if not file.exists():
            raise Refused(404)
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink()

    def answer(self, status, content=b"", media_type=None, headers=()):
        for _ in self.body():
            pass
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        if media_type:
            self.send_header("Content-Type", media_type)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def main():
    if len(sys.argv) == 3:
        Folder.place = pathlib.Path(sys.argv[2]).resolve()
        Folder.place.mkdir(mode=0o700, exist_ok=True)
    serve(Folder, __doc__, more=1)


if __name__ == "__main__":
    main()
