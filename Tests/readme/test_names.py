"""What the READMEs name is there: files, includes, tools and their options."""

import re
import subprocess

import pytest
from programs import ROOT

PAGES = [ROOT / folder / "README.md" for folder in (".", "nginx", "nginx/www", "Sources", "tools")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_include_is_a_file(page):
    for name in re.findall(r"include (tallystick/[\w/.-]+\.conf)", page.read_text()):
        assert (ROOT / "nginx" / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_tool_is_there_and_has_the_options_named_with_it(page):
    for name, rest in re.findall(r"\btools/([a-z-]+)((?: [^`\n|]*)?)", page.read_text()):
        assert (ROOT / "tools" / name).exists(), name
        for option in re.findall(r"(?<= )--[a-z-]+", rest):
            text = subprocess.run([ROOT / "tools" / name, "--help"], capture_output=True, text=True, check=True).stdout
            assert option in text, f"tools/{name} {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target
