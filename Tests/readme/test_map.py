"""Sources/README.md is true: its drawing and its list of modules are what Package.swift builds."""

import functools
import json
import re
import subprocess

import pytest
from programs import ROOT

SOURCES = ROOT / "Sources"
PAGE = (SOURCES / "README.md").read_text()


@functools.cache
def package():
    """The imports that Package.swift allows, by target; tests are left out."""
    dumped = subprocess.run(["swift", "package", "dump-package"], cwd=ROOT, capture_output=True, check=True).stdout
    return {
        target["name"]: (target["type"], {next(iter(each.values()))[0] for each in target["dependencies"]})
        for target in json.loads(dumped)["targets"] if target["type"] != "test"}


def modules():
    """The libraries in Swift."""
    return {name: imports for name, (kind, imports) in package().items() if kind == "regular"}


def programs():
    return {name: imports for name, (kind, imports) in package().items() if kind == "executable"}


@functools.cache
def imported(name):
    """The modules of this package that the sources of a target import."""
    found = set()
    for path in (SOURCES / name).rglob("*.swift"):
        found |= set(re.findall(r"^(?:package )?import (\w+)$", path.read_text(), re.M))
    return found & package().keys()


@functools.cache
def rows():
    """The rows of the drawing from top to bottom, each the targets that stand in its box."""
    found = [[]]
    for line in re.search(r"```\n([^`]*?┌.*?)```", PAGE, re.S)[1].splitlines():
        if re.search("[├└]", line):
            found.append([])
        elif "│" in line:
            box = line[line.index("│"):line.rindex("│")]
            found[-1] += [word for word in re.findall(r"\w+", box) if word in package()]
    return [row for row in found if row]


def test_the_drawing_shows_every_library_and_program_once():
    shown = [name for row in rows() for name in row]
    assert sorted(shown) == sorted({**modules(), **programs()})


def test_an_import_points_down_in_the_drawing():
    level = {name: number for number, row in enumerate(rows()) for name in row}
    upward = [
        f"{name} imports {other}" for name, imports in {**modules(), **programs()}.items()
        for other in imports if other in level and level[other] <= level[name]]
    assert upward == []


def test_the_list_of_modules_names_each_with_its_imports():
    listed = {
        name: set(re.findall(r"`(\w+)`", imports))
        for name, imports in re.findall(r"^- \*\*`(\w+)`\*\* \(imports ([^)]*)\)", PAGE, re.M)}
    assert listed == modules()


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_imports_what_package_swift_says(name):
    assert imported(name) == modules()[name]


@pytest.mark.parametrize("name", sorted(programs()))
def test_a_program_imports_what_package_swift_says(name):
    assert imported(name) == programs()[name]


def test_the_table_of_programs_says_what_each_links():
    rights = {}
    for names, store, hashing, keys in re.findall(r"^\| ([\w, ]+) \| (yes|no) \| (yes|no) \| ([\w ]+) \|$", PAGE, re.M):
        rights |= {name: (store, hashing, keys) for name in names.split(", ")}
    assert rights.keys() == programs().keys()
    for name, (store, hashing, keys) in rights.items():
        main = "".join(path.read_text() for path in (SOURCES / name).glob("*.swift"))
        assert (store == "yes") == ("Stores" in programs()[name]), name
        assert (hashing == "yes") == ("PasswordLogin" in programs()[name]), name
        assert (keys in ("signs", "creates")) == ("signing: true" in main), name
        assert (keys == "none") == ("KeyStore(" not in main), name


def test_every_file_that_the_page_names_is_there():
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`", PAGE)
    assert len(named) > 30
    assert [
        name for name in named
        if not name.startswith("STATE/") and not (SOURCES / name).exists() and not (ROOT / name).exists()] == []
