"""README.md and tools/README.md are true: their commands run as they stand, and what they name is there."""

import pathlib
import re
import socket
import subprocess

import pytest
from programs import environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
OPERATORS = (ROOT / "tools" / "README.md").read_text()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_commands(page, state):
    """What the commands of a page print, at another port and in another directory than it says."""
    port = free_port()
    script = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.S))
    script = script.replace("tools/up --detach", f"tools/up --detach --port {port} --state {state}")
    script = script.replace("tools/down", f"tools/down --state {state}")
    script = script.replace("8443", str(port)).replace("$PWD/.build/up", str(state)).replace(".build/up", str(state))
    try:
        return subprocess.run(
            ["bash", "-c", "shopt -s expand_aliases\nset -eu\n" + script], cwd=ROOT, text=True, capture_output=True, timeout=1200,
            env=environment())
    finally:
        subprocess.run([ROOT / "tools" / "down", "--state", state], capture_output=True, check=False)


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    return run_commands(README, tmp_path_factory.mktemp("up"))


@pytest.fixture(scope="module")
def operation(tmp_path_factory):
    return run_commands(OPERATORS, tmp_path_factory.mktemp("up"))


def test_the_walk_runs_without_an_error(walk):
    assert walk.returncode == 0, walk.stdout + walk.stderr


def test_the_walk_prints_what_the_readme_says(walk):
    assert re.findall(r"(?<!\d)(\d{3})$", walk.stdout, re.M) == ["401", "200", "204", "401"]
    assert walk.stdout.count('"token_type":"Bearer"') == 2
    assert '"X-Auth-User": "alice"' in walk.stdout and ': "root"' not in walk.stdout
    assert '"current":true' in walk.stdout


def test_the_operators_commands_run_without_an_error(operation):
    assert operation.returncode == 0, operation.stdout + operation.stderr


def test_the_operators_commands_print_what_the_page_says(operation):
    lines = operation.stdout.splitlines()
    assert "Status: 200 OK" in lines
    assert re.search(r"^alice +[a-z2-7]{26} +staff +1 +no ", operation.stdout, re.M)
    assert sum(line.startswith("signing with ") for line in lines) == 3
    # The key of the first rotation, and after two more the three keys that somebody could have read.
    assert [len(line.split()) for line in lines if line.startswith("retired ")] == [2, 3]
    for line in ("pruned 0", "ok", "revoked alice", "lifted 0"):
        assert line in lines


@pytest.mark.parametrize("page", [README, OPERATORS], ids=["README.md", "tools/README.md"])
def test_every_tool_it_names_is_there(page):
    for name in re.findall(r"\btools/[a-z]+\b", page):
        assert (ROOT / name).exists(), name


def test_every_setting_of_the_program_is_listed_and_no_other():
    shown = subprocess.run(
        [ROOT / ".build" / "release" / "tallystick", "config", "show"], text=True, capture_output=True, check=True,
        env={"TALLYSTICK_ISSUER": "https://localhost"}).stdout
    known = set(re.findall(r"TALLYSTICK_([A-Z_]+)", shown))
    table = OPERATORS.split("## Settings")[1].split("\n## ")[0]
    listed = {name for row in re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", table, re.M) for name in re.findall(r"[A-Z_]+", row)}
    assert listed == known


def test_every_program_of_its_table_exists():
    table = README.split("## Two commands")[0]
    for name in re.findall(r"^\| `([a-z]+)` \|", table, re.M):
        assert (ROOT / "Sources" / name / "main.swift").exists()
    assert table.count("\n| `") == 16


def sources():
    return "".join(path.read_text() for path in sorted((ROOT / "Sources").rglob("*.swift")))


def test_every_event_of_the_log_is_listed_and_no_other():
    """An event that no source writes is none."""
    text = sources()
    written = {
        name for case, name in re.findall(r'^  case (\w+) = "(\w+)"$', (ROOT / "Sources/Logging/LogEvent.swift").read_text(), re.M)
        if re.search(rf"\.{case}\b", text)}
    table = OPERATORS.split("## Logs")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| (?:info|warning|error) \|", table, re.M)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == written


def test_every_message_of_the_table_of_failures_is_one_of_the_programs():
    """What stands between the parts that a message fills in (…) is in the sources."""
    text = sources()
    table = OPERATORS.split("## When something fails")[1].split("\n## ")[0]
    pieces = [
        piece for row in re.findall(r"^\| (.*?) \|", table, re.M) for message in re.findall(r"`([^`]* [^`]*)`", row)
        for piece in re.split(r"TALLYSTICK_ISSUER |…", message) if len(piece) > 5]
    assert len(pieces) > 8
    assert [piece for piece in pieces if piece.strip(" :;,") not in text] == []
