"""The sources import what Package.swift declares and what the map in Sources/README.md shows."""

import json
import re
import subprocess

import pytest
from programs import ROOT, ROUTES

@pytest.fixture(scope="module")
def targets():
    described = subprocess.run(
        ["swift", "package", "--package-path", ROOT, "describe", "--type", "json"], check=True, capture_output=True, text=True)
    return {target["name"]: target for target in json.loads(described.stdout)["targets"]}


def imports_of(target):
    found = set()
    for name in target["sources"]:
        text = (ROOT / target["path"] / name).read_text()
        found |= set(re.findall(r"^(?:@\w+(?:\(\w+\))? )*(?:package )?import (\w+)$", text, re.M))
    return found


def test_every_target_imports_what_it_declares_and_nothing_else_of_ours(targets):
    """What a program imports is what it may do; SwiftPM itself does not object to either difference."""
    for name, target in targets.items():
        if target["type"] != "system-target":
            assert imports_of(target) & targets.keys() == set(target.get("target_dependencies", [])), name


def test_the_map_shows_every_library_with_its_imports(targets):
    text = (ROOT / "Sources/README.md").read_text().split("```")[1]
    shown = {}
    for line in text.strip().split("\n"):
        if line:
            name, rest = line.split(None, 1)
            before, *after = re.split(r"\s<-\s", rest)
            wrappers = {word for word in before.split() if targets.get(word, {}).get("type") == "system-target"}
            shown[name] = {*wrappers, *" ".join(after).split()}
    libraries = {name: target for name, target in targets.items() if target["type"] == "library"}
    assert shown == {name: set(target.get("target_dependencies", [])) for name, target in libraries.items()}


def test_there_is_a_program_for_every_route_and_the_command(targets):
    assert {name for name, target in targets.items() if target["type"] == "executable"} == {*ROUTES, "tallystick"}
