"""Servers that the tests start, kill and stand between: a cluster with a standby, a pooler, a proxy."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from waiting import wait_until

BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=None)
# PostgreSQL and pgbouncer refuse root.
AS = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []


def run(*words):
    done = subprocess.run([*AS, *map(str, words)], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


class Folder:
    """A directory that the server's user owns and everybody can enter."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-pg."))
        self.path.chmod(0o755)
        if AS:
            shutil.chown(self.path, "postgres", "postgres")

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Server:
    """One PostgreSQL server on a Unix socket in its folder."""

    SETTINGS = {"listen_addresses": "", "fsync": "off", "max_connections": "200", "wal_level": "replica", "hot_standby": "on"}
    port = 5432

    def __init__(self, standby_of=None, **settings):
        self.folder = Folder()
        self.path = self.folder.path
        self.settings = self.SETTINGS | settings
        self.process = None
        if standby_of:
            self.follow(standby_of)
        else:
            run(BIN / "initdb", "-D", self.path / "data", "-U", "tallystick", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
            self.start()
            run(BIN / "createdb", *self.here, "tallystick")

    def follow(self, primary):
        """Begins anew, as a standby that its primary waits for at each commit."""
        shutil.rmtree(self.path / "data", ignore_errors=True)
        run(BIN / "pg_basebackup", *primary.here, "-D", self.path / "data", "-R", "-X", "stream", "-c", "fast")
        with open(self.path / "data/postgresql.auto.conf", "a") as file:
            file.write(f"primary_conninfo = 'host={primary.path} user=tallystick application_name=standby'\n")
            # Once it is the primary itself, it waits for nobody, until it has a standby.
            file.write("synchronous_standby_names = ''\n")
        self.start()
        primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        primary.sql("SELECT pg_reload_conf()")
        wait_until(
            lambda: primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync", "the standby to be synchronous", 60)

    @property
    def uri(self):
        return f"postgresql://tallystick@/tallystick?host={self.path}"

    @property
    def here(self):
        """How the server's own commands find it: the socket, where nobody is asked for a password."""
        return "-h", self.path, "-p", self.port, "-U", "tallystick"

    def start(self):
        settings = self.settings | {"unix_socket_directories": self.path, "port": self.port}
        words = [f"-c{name}={value}" for name, value in settings.items()]
        self.process = subprocess.Popen(
            [*AS, BIN / "postgres", "-D", self.path / "data", *words], stdin=subprocess.DEVNULL,
            stdout=open(self.path / "log", "ab"), stderr=subprocess.STDOUT, cwd="/")
        wait_until(self.is_ready, "the server", 60)

    def is_ready(self):
        assert self.process.poll() is None, (self.path / "log").read_text()[-2000:]
        return subprocess.run([BIN / "pg_isready", "-q", *map(str, self.here)], check=False).returncode == 0

    def sql(self, text):
        return run(BIN / "psql", "-XAtq", *self.here, "-d", "tallystick", "-c", text).strip()

    def kill(self):
        """As if the machine had lost its power: nobody says goodbye."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False).stdout.split()
        self.process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self.process.wait()

    def promote(self):
        run(BIN / "pg_ctl", "promote", "-D", self.path / "data", "-w")

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
        self.folder.close()


class Pooler:
    """pgbouncer, which hands a connection of its own around after each transaction."""

    def __init__(self, server, size=3):
        self.folder = Folder()
        self.path = self.folder.path
        (self.path / "users").write_text('"tallystick" ""\n')
        (self.path / "ini").write_text(f"""
[databases]
tallystick = host={server.path} dbname=tallystick user=tallystick
[pgbouncer]
listen_addr =
unix_socket_dir = {self.path}
listen_port = 5432
auth_type = trust
auth_file = {self.path}/users
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
logfile = {self.path}/log
""")
        self.process = subprocess.Popen(
            [*AS, "/usr/sbin/pgbouncer", self.path / "ini"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/")
        wait_until(lambda: (self.path / ".s.PGSQL.5432").exists(), "the pooler", 20)

    @property
    def uri(self):
        return f"postgresql://tallystick@/tallystick?host={self.path}"

    def close(self):
        self.process.kill()
        self.process.wait()
        self.folder.close()


class Proxy:
    """Stands between the programs and the server, and cuts connections where it is told to.

    `cut_after(n)` lets n more pieces pass from the programs to the server; then it cuts the connection
    that brings the next, before (`forward` false) or after the server has got it, and both ends see it
    closed. `cuts` counts what it did.
    """

    def __init__(self, server):
        self.folder = Folder()
        self.path = self.folder.path
        self.server = server
        self.target = str(server.path / ".s.PGSQL.5432")
        self.lock = threading.Lock()
        self.left, self.forward, self.cuts, self.pieces = None, False, 0, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path / ".s.PGSQL.5432"))
        (self.path / ".s.PGSQL.5432").chmod(0o777)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def uri(self):
        return f"postgresql://tallystick@/tallystick?host={self.path}"

    def cut_after(self, count, forward):
        with self.lock:
            self.left, self.forward, self.cuts = count, forward, 0

    def heal(self):
        with self.lock:
            self.left = None

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self.target)
                except OSError:
                    client.close()
                    continue
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source, target, counts):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if counts and self._is_cut():
                    if self.forward:
                        target.sendall(data)
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                # What the server does with what it has got is its own affair; nobody hears of it.
                end.shutdown(socket.SHUT_RDWR)

    def _is_cut(self):
        with self.lock:
            self.pieces += 1
            if self.left is None:
                return False
            self.left -= 1
            if self.left >= 0:
                return False
            # Once; what comes afterwards passes.
            self.left = None
            self.cuts += 1
            return True

    def close(self):
        self.listener.close()
        self.folder.close()
