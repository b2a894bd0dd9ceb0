"""What the system sees of a program that serves: its memory, files, descriptors and command line."""

import concurrent.futures
import functools
import os
import pathlib
import re
import shutil
import stat
import struct
import subprocess
import tempfile

import pytest
from harness import BIN, GOOD
from programs import ROUNDS, ROUTES
from waiting import can_connect, wait_until

NEW = "an entirely different phrase"


def read_by_the_same_account(path, account):
    """What another process of the account reads there, or how that fails."""
    become = {"user": account, "group": account, "extra_groups": []} if os.getuid() == 0 else {}
    return subprocess.run(["head", "-c", "1", path], capture_output=True, text=True, check=False, **become)


@pytest.fixture
def other(made):
    """The state and the programs where an account that is not root reaches them; root becomes nobody."""
    account = 65534 if os.getuid() == 0 else os.getuid()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        folder = pathlib.Path(folder)
        shutil.copytree(made.state, folder / "state")
        for program in ROUTES:
            shutil.copy(BIN / program, folder / program)
        if os.getuid() == 0:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, account, account)
        yield folder, account


@pytest.mark.parametrize("program", ROUTES)
def test_another_process_of_its_account_sees_no_secret_of_a_program_T230(made, other, program):
    """Neither its environment nor its memory; its command line has the path of the socket alone."""
    folder, account = other
    become = {"user": account, "group": account, "extra_groups": []} if os.getuid() == 0 else {}
    environment = {name: value for name, value in made.settings.items() if name.endswith(("_ISSUER", "_STORE"))}
    environment |= {"TALLYSTICK_STATE": str(folder / "state")}
    path = folder / "socket"
    process = subprocess.Popen([folder / program, "--socket", path], env=environment, **become)
    witness = subprocess.Popen(["sleep", "60"], env=environment, **become)
    try:
        wait_until(lambda: can_connect(path), f"{program} on its socket", 20)
        wait_until(lambda: b"sleep" in pathlib.Path(f"/proc/{witness.pid}/cmdline").read_bytes(), "sleep")
        # Of any other process of the account this works: so it is the program that refuses.
        assert read_by_the_same_account(f"/proc/{witness.pid}/environ", account).stdout == "T"
        for name in ("environ", "mem", "maps"):
            denied = read_by_the_same_account(f"/proc/{process.pid}/{name}", account)
            assert "Permission denied" in denied.stderr and not denied.stdout, name
        words = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")[:-1]
        assert words == [str(folder / program).encode(), b"--socket", str(path).encode()]
    finally:
        for running in (process, witness):
            running.terminate()
            running.wait(20)


CHANGES = r"(?:unlink|unlinkat|rename|renameat2?|mkdir|mkdirat|rmdir|link|linkat|symlink|symlinkat|chmod|fchmodat|chown|truncate|mknod)"


@pytest.mark.sqlite
def test_a_program_writes_below_its_state_alone_and_connects_to_nobody_T231(made, tmp_path):
    """Every route, its success and a refusal, from the first system call to the last."""
    trace = tmp_path / "trace"
    under = ["strace", "-f", "-qq", "-s", "300", "-A", "-e", "trace=%file,%network", "-o", trace]
    made.by_hand = functools.partial(made.by_hand, under=under)
    first = made.register()
    second = made.login()
    statuses = [
        made.refresh(first.cookie).status, made.refresh("__Secure-refresh=x.y.z").status,
        made.call("login", body={"username": "alice", "password": "wrong"}).status,
        made.call("me", token=second.token).status, made.call("sessions", token=second.token).status,
        made.call("jwks").status, made.call("health").status,
        made.check(second.token).status, made.check("x.y.z").status,
        made.call("password", token=second.token, body={"current_password": GOOD, "new_password": NEW}).status,
    ]
    third = made.login(password=NEW)
    statuses += [made.call("logout", token=third.token).status, made.call("revoke", token=made.login(password=NEW).token).status]
    assert statuses == [200, 401, 401, 200, 200, 200, 204, 204, 401, 200, 204, 204]
    text = trace.read_text()
    assert "connect(" not in text and "AF_INET" not in text and "socket(" not in text
    written = re.findall(r'\bopen(?:at)?\([^"]*"([^"]*)", [^)]*O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)', text)
    written += [path for line in re.findall(rf"\b{CHANGES}\((.*)", text) for path in re.findall(r'"([^"]*)"', line)]
    assert str(made.state / "tallystick.db") in written
    assert {path for path in written if not path.startswith(f"{made.state}/")} <= {"/dev/null"}


def resident(pid):
    """KiB of memory that are the process's own."""
    return int(re.search(r"^RssAnon:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


@pytest.mark.parametrize("program", ["check", "me", "refresh", "logout", "login"])
def test_many_requests_leave_no_memory_and_no_descriptor_behind_T232(server, program):
    """After ten times as many requests a program holds what it held; good and refused ones in turn."""
    person = server.register()
    ask = {
        "check": lambda: (server.check(person.token), server.check("x.y.z")),
        "me": lambda: (server.call("me", token=person.token), server.call("me", token="x.y.z")),
        "refresh": lambda: (server.refresh(person.cookie), server.refresh("__Secure-refresh=x.y.z")),
        "logout": lambda: (server.call("logout"), server.call("logout", token="x.y.z")),
        "login": lambda: (server.login(), server.call("login", body={"username": "alice"})),
    }[program]
    rounds = max(1, ROUNDS // 20) if program == "login" else ROUNDS
    ask()
    pid = server.processes[program].pid
    # A crowd at first: every thread has its stack and its heap then, and every hashing slot its memory.
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: ask(), range(32)))

    def after(count):
        for _ in range(count):
            ask()
        return resident(pid), len(os.listdir(f"/proc/{pid}/fd"))

    memory, descriptors = after(rounds)
    later, _ = after(10 * rounds)
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= descriptors, "its descriptors closed")
    assert later <= memory * 1.05 + 256, (memory, later)


@pytest.mark.parametrize("program", [*ROUTES, "tallystick"])
def test_a_program_lies_anywhere_and_its_relocations_are_read_only_T237(program):
    """Position-independent, PT_GNU_RELRO, and a stack that is not executable (ELF, System V ABI)."""
    image = (BIN / program).read_bytes()
    kind, = struct.unpack_from("<H", image, 16)
    start, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    headers = {struct.unpack_from("<I", image, start + index * size)[0]: struct.unpack_from("<I", image, start + index * size + 4)[0]
               for index in range(count)}
    dynamic, stack, read_only, execute = 3, 0x6474E551, 0x6474E552, 1
    assert kind == dynamic and read_only in headers and not headers[stack] & execute
    assert not (BIN / program).stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
