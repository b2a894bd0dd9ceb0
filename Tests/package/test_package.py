"""The package itself, without a machine: what lintian, dpkg and systemd say about it."""

import hashlib
import os
import re
import subprocess

import pytest
from conftest import build
from programs import ROOT, ROUTES, programs

UNITS = "lib/systemd/system"


@pytest.fixture(scope="module")
def tree(package, tmp_path_factory):
    """What the package installs."""
    folder = tmp_path_factory.mktemp("tree")
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return folder


def field(package, name):
    return subprocess.check_output(["dpkg-deb", "--field", package, name], text=True).strip()


def table():
    """The rows of tools/debian/programs."""
    lines = (ROOT / "tools/debian/programs").read_text().splitlines()
    return [line.split(None, 4) for line in lines if line and not line.startswith("#")]


def services(tree):
    return sorted((tree / UNITS).glob("*.service"))


def test_lintian_has_nothing_against_it(package):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "warning,error", package],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not re.search("^[EW]:", done.stdout, re.M), done.stdout + done.stderr


def test_two_builds_give_the_same_bytes(package, tmp_path):
    """On another day, by another umask, in another place."""
    before = os.umask(0o077)
    try:
        again = build(tmp_path / "elsewhere")
    finally:
        os.umask(before)
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (package, again))
    assert package != again and first == second


def test_every_program_of_the_build_is_in_it(tree):
    """Package.swift, the tools, the tests and the table of the package name the same ones."""
    built = set(re.findall(r'^  .*?\("([a-z]+)", (?:true|false)', "", re.M))
    described = subprocess.check_output(["swift", "package", "describe", "--type", "json"], cwd=ROOT, text=True)
    built = set(re.findall(r'"name" : "([a-z]+)",\s+"path" : "Sources', described)) - {"tallystick"}
    names = [row[0] for row in table()]
    assert sorted(built) == sorted(ROUTES) == sorted(names)
    assert sorted(path.name for path in (tree / "usr/libexec/tallystick").iterdir()) == sorted(names)
    assert (tree / "usr/bin/tallystick").exists()


def test_swift_is_inside_the_programs_and_the_c_libraries_are_debians(package, tree):
    libraries = set()
    for path in [tree / "usr/bin/tallystick", *(tree / "usr/libexec/tallystick").iterdir()]:
        dynamic = subprocess.check_output(["readelf", "-d", path], text=True)
        libraries |= set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
    assert libraries <= {"libc.so.6", "libm.so.6", "libargon2.so.1", "libcrypto.so.3", "libfcgi.so.0", "libpq.so.5",
                         "libsqlite3.so.0", "libcrypt.so.1", "ld-linux-x86-64.so.2"}
    depends = field(package, "Depends")
    for name in ("libargon2-1", "libc6", "libfcgi0ldbl", "libsqlite3-0", "libssl3"):
        assert re.search(rf"\b{name} \(>= ", depends), (name, depends)
    assert "debconf" not in depends


def test_it_enables_no_site_and_asks_nothing(package, tree):
    assert not (tree / "etc/nginx/conf.d").exists() and not (tree / "etc/nginx/sites-enabled").exists()
    control = subprocess.check_output(["dpkg-deb", "--ctrl-tarfile", package])
    names = subprocess.check_output(["tar", "-t"], input=control, text=False).decode().split()
    assert "./config" not in names and "./templates" not in names


def test_the_licence_is_a_matter_of_one_line(tree):
    first = (tree / "usr/share/doc/tallystick/copyright").read_text().splitlines()[0]
    assert first.startswith("No licence has been chosen yet")


def test_every_program_says_the_packages_version(package, tree):
    version = field(package, "Version")
    for path in (tree / "usr/libexec/tallystick").iterdir():
        said = subprocess.check_output([path, "--version"], text=True, env={})
        assert said == f"{path.name} (tallystick) {version}\n"
    assert subprocess.check_output([tree / "usr/bin/tallystick", "--version"], text=True) == f"tallystick {version}\n"


# Units

def unit(path):
    """The settings of a unit, each name with its values in their order."""
    found = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text(), re.M):
        found.setdefault(name, []).append(value)
    return found


def test_systemd_reads_every_unit(tree):
    # Its programs and manual pages are not installed here.
    noise = re.compile(r"is not executable|man tallystick|Failed to open|Cannot add dependency")
    done = subprocess.run(["systemd-analyze", "verify", *sorted((tree / UNITS).iterdir())],
                          capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if not noise.search(line)] == []


def test_every_service_is_hardened_as_far_as_it_must_be(tree):
    assert len(services(tree)) >= len(table())
    for path in services(tree):
        said = subprocess.check_output(["systemd-analyze", "security", "--offline=true", path], text=True)
        exposure = float(re.search(r"Overall exposure level for .*: ([0-9.]+)", said)[1])
        limit = 0.5 if path.stem in ("tallystick-check", "tallystick-jwks") else 1.0
        assert exposure <= limit, (path.name, exposure)


def test_every_socket_is_for_nginx_alone(tree):
    for name, *_ in table():
        socket = unit(tree / UNITS / f"tallystick-{name}.socket")
        assert socket["ListenStream"] == [f"/run/tallystick/{name}.sock"]
        assert (socket["SocketMode"], socket["SocketGroup"]) == (["0660"], ["www-data"])
        assert (tree / "etc/nginx/tallystick/http/upstreams.conf").read_text().count(f"/run/tallystick/{name}.sock") == 1


def test_only_programs_that_sign_run_as_who_can_read_a_secret(tree):
    """Those whose sources open the private key, and no other."""
    for name, role, *_ in table():
        signs = "signing: true" in (ROOT / "Sources" / name / "main.swift").read_text()
        assert signs == (role == "sign"), name
        user = unit(tree / UNITS / f"tallystick-{name}.service")["User"]
        assert (user == ["tallystick"]) == signs, name


def test_a_refused_setting_is_not_tried_again_and_a_death_is(tree):
    for name, *_ in table():
        service = unit(tree / UNITS / f"tallystick-{name}.service")
        assert service["RestartPreventExitStatus"] == ["100"] and service["Restart"] == ["on-failure"]
        assert service["MemoryMax"] and service["TasksMax"]


def test_programs_that_are_seldom_asked_end_by_themselves(tree):
    for name, _, ends, *_ in table():
        command = unit(tree / UNITS / f"tallystick-{name}.service")["ExecStart"][0]
        assert ("--idle" in command) == (ends == "idle"), name


def test_programs_are_in_the_programs_folder():
    assert (programs() / "check").exists()


# Manual pages and completion

def manual_pages(tree):
    return sorted((tree / "usr/share/man").rglob("*.gz"))


def test_every_program_has_a_manual_page_and_man_reads_it_without_a_complaint(tree):
    names = {path.name for path in manual_pages(tree)}
    assert names == {"tallystick.1.gz", "tallystick.5.gz", *(f"tallystick-{name}.8.gz" for name in ROUTES)}
    for path in manual_pages(tree):
        done = subprocess.run(["man", "--warnings", "-l", path], capture_output=True, text=True, check=False,
                              env={**os.environ, "MANROFFOPT": "-ww", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0 and done.stderr == "", (path.name, done.stderr)
        for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"):
            assert re.search(rf"^{title}$", done.stdout, re.M), (path.name, title)


def shown(tree, page):
    path = next((tree / "usr/share/man").rglob(page))
    # Words that a line was broken in are whole again.
    return subprocess.check_output(["man", "-l", path], text=True, env={**os.environ, "MANWIDTH": "500", "LC_ALL": "C.UTF-8"})


def test_the_manual_page_of_the_command_has_every_command_and_option(tree):
    text = shown(tree, "tallystick.1.gz")
    overview = subprocess.check_output([tree / "usr/bin/tallystick", "--help"], text=True)
    commands = re.findall(r"^  ([a-z]+(?: [a-z-]+)*)", overview, re.M)
    assert len(commands) > 20
    for command in commands:
        assert re.search(rf"^ +{command}\b", text, re.M), command
        help = subprocess.check_output([tree / "usr/bin/tallystick", *command.split(), "--help"], text=True)
        for option in re.findall(r"^  (--[a-z-]+)", help, re.M):
            assert option in text, (command, option)


def test_the_manual_page_of_the_settings_has_those_that_are_in_force(tree):
    text = shown(tree, "tallystick.5.gz")
    said = subprocess.check_output(
        [tree / "usr/bin/tallystick", "config", "show"], text=True,
        env={"TALLYSTICK_STATE": "/nonexistent", "TALLYSTICK_ISSUER": "https://auth.example.org"})
    names = re.findall(r"^(TALLYSTICK_\w+)", said, re.M)
    assert len(names) > 10
    for name in names:
        assert re.search(rf"^ +{name}$", text, re.M), name


@pytest.mark.parametrize("words, offered", [
    ("", {"account", "session", "key", "doctor", "setup", "--help"}), ("acc", {"account"}),
    ("account ", {"add", "list", "revoke"}), ("account add --", {"--groups", "--help"}),
    ("session list bob --", {"--json", "--help"}),
    ("device ", {"add", "list", "end"}), ("device add --", {"--sites", "--read-only", "--expires-in"}), ("account revoke --", {"--devices"}), ("key rotate --al", {"--algorithm"}), ("nothing ", set()),
])
def test_bash_completes_commands_and_options(tree, words, offered):
    script = (f"source {tree}/usr/share/bash-completion/completions/tallystick; COMP_WORDS=(tallystick {words} ); "
              f"[ '{words[-1:]}' != ' ' ] && [ -n '{words}' ] || COMP_WORDS+=(''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
              "compopt() { :; }; _tallystick; printf '%s\\n' \"${COMPREPLY[@]}\"")
    found = set(subprocess.check_output(["bash", "-c", script], text=True).split())
    assert offered <= found and (offered or not found), found
