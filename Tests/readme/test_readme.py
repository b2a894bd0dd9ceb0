"""The README is true: its commands run as they stand, and what it names is there."""

import pathlib
import re
import socket
import subprocess

import pytest
from programs import environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.S)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """What the five-minute walk prints, at another port and in another directory than it says."""
    state, port = tmp_path_factory.mktemp("up"), free_port()
    script = "\n".join(BLOCKS)
    script = script.replace("tools/up --detach", f"tools/up --detach --port {port} --state {state}")
    script = script.replace("tools/down", f"tools/down --state {state}")
    script = script.replace("8443", str(port)).replace("$PWD/.build/up", str(state)).replace(".build/up", str(state))
    try:
        return subprocess.run(
            ["bash", "-c", "shopt -s expand_aliases\nset -eu\n" + script], cwd=ROOT, text=True, capture_output=True, timeout=1200,
            env=environment())
    finally:
        subprocess.run([ROOT / "tools" / "down", "--state", state], capture_output=True, check=False)


def test_the_walk_runs_without_an_error(walk):
    assert walk.returncode == 0, walk.stdout + walk.stderr


def test_the_walk_prints_what_the_readme_says(walk):
    assert re.findall(r"(?<!\d)(\d{3})$", walk.stdout, re.M) == ["401", "200", "204", "401"]
    assert walk.stdout.count('"token_type":"Bearer"') == 2
    assert '"X-Auth-User": "alice"' in walk.stdout and ': "root"' not in walk.stdout
    assert '"current":true' in walk.stdout
    assert "Status: 401 Unauthorized" in walk.stdout
    assert re.search(r"^alice +[a-z2-7]{26} +- +2 +no ", walk.stdout, re.M)


def test_every_file_and_tool_it_names_is_there():
    for name in re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"\btools/[a-z]+\b", README):
        assert (ROOT / name).exists(), name


def test_every_setting_of_the_program_is_listed_and_no_other(tmp_path):
    shown = subprocess.run(
        [ROOT / ".build" / "release" / "tallystick", "config", "show"], text=True, capture_output=True, check=True,
        env={"TALLYSTICK_ISSUER": "https://localhost"}).stdout
    known = set(re.findall(r"TALLYSTICK_([A-Z_]+)", shown))
    table = README.split("## Settings")[1].split("\n## ")[0]
    listed = {name for row in re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", table, re.M) for name in re.findall(r"[A-Z_]+", row)}
    assert listed == known


def test_every_program_of_its_table_exists():
    table = README.split("## Two commands")[0]
    for name in re.findall(r"^\| `([a-z]+)` \|", table, re.M):
        assert (ROOT / "Sources" / name / "main.swift").exists()
    assert table.count("\n| `") == 12
