"""tools/up and tools/down, used by a newcomer and used wrongly."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest
from programs import OWN_VARIABLES, ROOT, ROUTES, programs
from site_under_test import PASSWORD, Site, children, free_port
from waiting import wait_until

UP, DOWN = ROOT / "tools/up", ROOT / "tools/down"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


def up(state, *arguments, **options):
    return run(UP, "--detach", "--state", state, "--programs", programs(), *arguments, **options)


def is_one_line(run, status, *words):
    """A refusal: one line on standard error that names what to do."""
    assert run.returncode == status, run.stdout + run.stderr
    assert run.stderr.count("\n") == 1
    for word in words:
        assert word in run.stderr
    return True


def processes_of(state):
    """Every process whose command line or working directory names the state."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(state) in command or os.readlink(entry / "cwd").startswith(str(state)):
                found.append((entry.name, command))
    return found


@pytest.fixture
def state():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-tools."))
    folder.chmod(0o755)
    yield folder
    run(DOWN, "--state", folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize("tool", ["up", "down", "test"])
def test_help_is_help(tool):
    answer = run(ROOT / "tools" / tool, "--help")
    assert answer.returncode == 0 and f"usage: tools/{tool}" in answer.stdout and answer.stderr == ""


@pytest.mark.parametrize("tool,arguments", [
    ("up", ["--no-such"]), ("up", ["--port"]), ("up", ["--port", "x"]), ("up", ["--port", "0"]), ("up", ["--port", "65536"]),
    ("up", ["stray"]), ("down", ["--port", "1"]), ("down", ["--state"]), ("test", ["no-such-part"]), ("test", ["--no-such"])])
def test_a_wrong_argument_is_named(tool, arguments):
    assert is_one_line(run(ROOT / "tools" / tool, *arguments), 100, arguments[0])


def test_up_starts_everything_and_down_leaves_nothing(state):
    port = free_port()
    started = up(state, "--port", port)
    assert started.returncode == 0 and f"https://localhost:{port}" in started.stdout
    for name in (*ROUTES, "echo", "demo", "nginx", "supervise"):
        assert (state / "pids" / name).exists()
    assert run("curl", "-s", "--cacert", state / "tls/cert.pem", f"https://localhost:{port}/auth/health", "-w", "%{http_code}").stdout == "204"
    assert processes_of(state)
    ended = run(DOWN, "--state", state)
    assert ended.returncode == 0 and processes_of(state) == []
    assert not list((state / "run").iterdir()) and not list((state / "pids").iterdir())
    again = run(DOWN, "--state", state)
    assert again.returncode == 0 and "nothing runs" in again.stdout


def test_the_store_may_be_a_server_of_its_own(state):
    """It is there at the second start, and nothing of it runs or listens on the network in between."""
    port = free_port()
    url, body = f"https://localhost:{port}", f'{{"username":"ada","password":"{PASSWORD}"}}'
    ask = ["curl", "-s", "--cacert", state / "tls/cert.pem", "-H", "Content-Type: application/json", "-d", body, "-o", "/dev/null", "-w", "%{http_code}"]
    for path, status in (("register", "201"), ("login", "200")):
        started = up(state, "--port", port, "--store", "postgresql")
        assert started.returncode == 0, started.stderr
        assert not (state / "state/tallystick.db").exists()
        assert run(*ask, f"{url}/auth/{path}").stdout == status
        assert (state / "pg/.s.PGSQL.5432").exists()
        ended = run(DOWN, "--state", state)
        assert ended.returncode == 0 and processes_of(state) == []
    refused = up(state, "--store", "oracle")
    assert is_one_line(refused, 100, "--store oracle")


def test_the_second_start_keeps_accounts_keys_and_certificate(state):
    port = free_port()
    assert up(state, "--port", port).returncode == 0
    url, trust = f"https://localhost:{port}", state / "tls/cert.pem"
    body = f'{{"username":"ada","password":"{PASSWORD}"}}'
    curl = ["curl", "-s", "--cacert", trust, "-H", "Content-Type: application/json", "-d", body, "-w", "%{http_code}", "-o", "/dev/null"]
    assert run(*curl, f"{url}/auth/register").stdout == "201"
    before = [(state / path).read_bytes() for path in ("tls/cert.pem", "tls/key.pem", "state/keys/set.json")]
    assert run(DOWN, "--state", state).returncode == 0
    assert up(state, "--port", port).returncode == 0
    assert run(*curl, f"{url}/auth/login").stdout == "200"
    assert before == [(state / path).read_bytes() for path in ("tls/cert.pem", "tls/key.pem", "state/keys/set.json")]


def test_starting_what_runs_says_where_it_is(state):
    port = free_port()
    assert up(state, "--port", port).returncode == 0
    again = up(state, "--port", port)
    assert again.returncode == 0 and f"already running at https://localhost:{port}" in again.stdout
    assert is_one_line(up(state, "--port", free_port()), 1, "already running", "tools/down")


def test_a_port_that_is_taken_is_named(state):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert is_one_line(up(state, "--port", port), 111, str(port), "--port")
        assert is_one_line(up(state, "--port", free_port(), "--http-port", port), 111, str(port))
    assert processes_of(state) == []


def test_a_state_directory_that_a_socket_cannot_hold_is_refused(state):
    assert is_one_line(up(state / ("x" * 100)), 100, "--state")
    for name in ('a"b', "a$b", "a;b", "a{b"):
        assert is_one_line(up(state / name), 100, "cannot be given")


def test_the_programs_must_be_there(state):
    assert is_one_line(run(UP, "--state", state, "--programs", state), 111, str(state))


def test_two_run_side_by_side_and_end_alone():
    first, second = Site(), Site()
    try:
        user = first.register("ada")
        assert second.login("ada").status_code == 401
        assert second.get("/private/", headers=user.bearer).status_code == 401
        run(DOWN, "--state", first.dir)
        assert second.get("/auth/health").status_code == 204
    finally:
        first.close()
        second.close()


@pytest.mark.parametrize("name", ["with space", "ünï", "a#b&c", "x|y'z"])
def test_any_folder_will_do(state, name):
    port = free_port()
    folder = state / name
    started = run(UP, "--detach", "--state", name, "--port", port, "--programs", programs(), cwd=state)
    assert started.returncode == 0, started.stderr
    assert (folder / "url").read_text() == f"https://localhost:{port}\n"
    answer = run("curl", "-sk", f"https://localhost:{port}/private/", "-w", "%{http_code}", "-o", "/dev/null")
    assert answer.stdout == "401"
    assert run(DOWN, "--state", folder, cwd="/").returncode == 0 and processes_of(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_in_the_foreground_a_signal_ends_everything(state, number):
    port = free_port()
    process = subprocess.Popen(
        [UP, "--state", state, "--port", str(port), "--programs", programs()], stdout=subprocess.PIPE, text=True,
        # Whoever runs the tests may ignore it, which a shell cannot undo.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    for line in process.stdout:
        if "Ctrl-C" in line:
            break
    process.send_signal(number)
    assert process.wait(20) == 0
    assert processes_of(state) == []


def test_down_ends_what_a_killed_supervisor_left(state):
    assert up(state, "--port", free_port()).returncode == 0
    os.kill(int((state / "pids/supervise").read_text().split()[0]), signal.SIGKILL)
    assert len(processes_of(state)) > 5
    assert run(DOWN, "--state", state).returncode == 0
    assert processes_of(state) == []


def test_down_ends_no_process_that_it_did_not_start(state):
    """A number that was written down may belong to another process by now."""
    (state / "pids").mkdir()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (state / "pids/check").write_text(f"{bystander.pid} 1\n")
        assert run(DOWN, "--state", state).returncode == 0
        assert bystander.poll() is None
        bystander.kill()


@pytest.fixture
def running():
    site = Site()
    yield site
    site.close()


def test_what_dies_is_started_again(running):
    """T225: a program, the application, and nginx with its workers; each within a second or so."""
    for name in ("me", "check", "echo", "nginx"):
        before, workers = running.pid(name), children(running.pid(name))
        os.kill(before, signal.SIGKILL)
        wait_until(lambda name=name, before=before: running.pid(name) != before, f"another {name}", 3)
        wait_until(lambda workers=workers: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in workers), "the end of workers", 3)
    user = None
    def works():
        nonlocal user
        with contextlib.suppress(Exception):
            user = user or running.register()
            return running.get("/api/echo", headers=user.bearer).status_code == 200
    wait_until(works, "the site", 3)


def test_what_dies_together_is_started_again(running):
    """T225: also whoever dies while the supervisor starts another one."""
    for _ in range(3):
        before = {name: running.pid(name) for name in (*ROUTES, "echo", "nginx")}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda before=before: all(running.pid(name) != pid for name, pid in before.items()), "all of them", 10)


@pytest.mark.parametrize("name, value", [("REUSE_WINDOW", "tomorrow"), ("REUSE_WINDOWS", "10s")])
def test_a_program_that_refuses_its_settings_is_not_started_again(state, name, value):
    failed = up(state, "--port", free_port(), env=os.environ | {f"TALLYSTICK_{name}": value})
    assert failed.returncode == 111 and f"TALLYSTICK_{name}=" in failed.stderr
    assert processes_of(state) == []


def test_the_variables_of_the_tests_stop_no_program(state):
    """`TALLYSTICK_ROUNDS=1000 tools/test` starts programs, which refuse a variable that they do not know."""
    # TALLYSTICK_STORE chooses the engine of the tests, but is a setting as well.
    own = dict.fromkeys(OWN_VARIABLES - {"TALLYSTICK_STORE"}, "1")
    started = up(state, "--port", free_port(), env=os.environ | own)
    assert started.returncode == 0, started.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="root alone can become another account")
def test_a_normal_user_needs_no_root(state):
    """And its nginx runs as that user."""
    state.chmod(0o777)
    port = free_port()
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    if run(*as_nobody, "test", "-x", programs() / "check").returncode:
        pytest.skip("the account nobody cannot read this checkout")
    env = os.environ | {"HOME": "/nonexistent"}
    started = run(*as_nobody, UP, "--detach", "--state", state / "up", "--port", port, "--programs", programs(), env=env)
    assert started.returncode == 0, started.stderr
    answer = run("curl", "-sk", f"https://localhost:{port}/auth/health", "-w", "%{http_code}")
    assert answer.stdout == "204"
    assert (state / "up/run").stat().st_mode & 0o777 == 0o750
    # Root comes along and ends it; and what it wrote does not stop it from starting its own.
    assert run(DOWN, "--state", state / "up").returncode == 0 and processes_of(state) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root has workers of another account")
def test_as_root_the_workers_are_not_root_and_other_accounts_stay_out(running):
    """T219, T237."""
    worker = next(iter(running.workers()))
    uid = re.search(r"^Uid:\s+(\d+)", pathlib.Path(f"/proc/{worker}/status").read_text(), re.M)[1]
    if uid == "0":
        pytest.skip("the account www-data cannot read this checkout")
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect('{running.dir}/run/check.sock')"
    others = run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/bin/python3", "-c", connect)
    assert "PermissionError" in others.stderr
    # nginx's workers cannot read a key nor the database.
    for secret in ("state/tallystick.db", "state/keys/private", "tls/key.pem"):
        assert run("setpriv", f"--reuid={uid}", "--regid=www-data", "--clear-groups", "test", "-r", running.dir / secret).returncode


@pytest.mark.parametrize("version,has", [
    ("1.22.1", False), ("1.25.0", False), ("1.25.1", True), ("1.26.3", True), ("1.100.0", True), ("2.0", True)])
def test_http2_is_said_as_the_installed_nginx_wants_it(tmp_path, version, has):
    """`listen … http2` is deprecated since nginx 1.25.1, which came with the directive."""
    nginx = tmp_path / "nginx"
    nginx.write_text(f"#!/bin/sh\necho 'nginx version: nginx/{version} (Debian)' >&2\n")
    nginx.chmod(0o755)
    script = 'source "$0/tools/lib/site.sh"; nginx_has_http2_directive'
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert (run("bash", "-c", script, ROOT, env=env).returncode == 0) == has


def test_nginx_has_nothing_to_say_against_the_configuration(running):
    """T206."""
    assert (running.dir / "log/nginx-t.log").read_text() == ""
    assert (running.dir / "log/nginx.log").read_text() == ""


@pytest.mark.skipif(os.getuid() != 0, reason="root alone can become another account")
def test_a_new_machine_needs_root_and_says_so():
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    if run(*as_nobody, "test", "-r", ROOT / "tools/lib/fresh").returncode:
        pytest.skip("the account nobody cannot read this checkout")
    assert is_one_line(run(*as_nobody, ROOT / "tools/lib/fresh", "bookworm"), 111, "root")
