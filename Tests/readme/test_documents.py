"""CHECKS.md, CONTRACT.md and SECURITY.md are true: what is cited is there, and what must be cited is."""

import functools
import re
import subprocess

import contract
import pytest
from programs import ROOT, ROUTES, programs

TESTS = ROOT / "Tests"
CHECKS, CONTRACT, SECURITY = (TESTS / f"{name}.md" for name in ("CHECKS", "CONTRACT", "SECURITY"))
PAGES = [CHECKS, CONTRACT, SECURITY]

# T046, test_t046_…, and the ranges T020 to T024, T168-T171, T020_to_T024.
NUMBER = r"(?:(?<![A-Za-z0-9])T|(?<=test_)t)(\d{3})(?![0-9A-Za-z])"
CITATION = re.compile(NUMBER + r"(?:(?:_to_| to |-|–)T(\d{3})(?![0-9A-Za-z]))?")
# The contract's section 4; Contract, section 3; section 2 of the contract.
SECTION = re.compile(r"contract(?:'s|,|\.md,?)?\s+section\s+(\d+)|section\s+(\d+)\s+of\s+the\s+contract", re.I)


def texts(*names):
    """Path and text of every file below these folders, the three pages excepted."""
    for name in names:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if not path.is_file() or path in PAGES or "__pycache__" in path.parts:
                continue
            try:
                yield path, path.read_text()
            except UnicodeDecodeError:
                continue


@functools.cache
def checks():
    """Number and text of every check."""
    return re.findall(r"^- \*\*T(\d{3})\*\* (.+)$", CHECKS.read_text(), re.M)


def cited(text):
    """Every number that a text cites; of a range, its ends and the checks between them."""
    known = {number for number, _ in checks()}
    for first, last in CITATION.findall(text):
        yield first
        if last:
            yield last
            yield from known & {f"{number:03}" for number in range(int(first), int(last))}


def sections(text):
    """The sections of the contract that a text cites, also where a comment breaks the line."""
    joined = re.sub(r"\n[ \t]*(?://+|#+|\*)?[ \t]*", " ", text)
    return [one or other for one, other in SECTION.findall(joined)]


@pytest.mark.parametrize("text, numbers", [
    ("/// T045 to T048, T051.", ["045", "048", "046", "047", "051"]),
    ("def test_x_T020_to_T022_T043(host):", ["020", "022", "021", "043"]),
    ("def test_t079_two_tabs():", ["079"]),
    ("20261123T205758Z, AT100, T1000, 7fT123", []),
])
def test_a_citation_is_read_as_it_is_meant(text, numbers):
    assert set(cited(text)) == set(numbers)


@pytest.mark.parametrize("text, numbers", [
    ("// an origin; the contract's\n// section 4. A browser", ["4"]),
    ("Contract, section 3; RFC 6265bis", ["3"]),
    ("section 2 of the contract", ["2"]),
    ("RFC 9700, section 4", []),
])
def test_a_section_is_read_as_it_is_meant(text, numbers):
    assert sections(text) == numbers


def test_every_check_stands_once_and_in_order():
    numbers = [number for number, _ in checks()]
    assert numbers == sorted(set(numbers)) and len(numbers) > 200
    assert numbers == re.findall(r"^- \*\*T(\d{3})\*\*", CHECKS.read_text(), re.M)


def test_every_check_names_its_source():
    assert [number for number, text in checks() if not re.search(r"_[^_]+_$", text)] == []


def test_what_does_not_apply_says_why():
    for number, text in checks():
        if "**" in text:
            assert re.search(r"\*\*(Does not apply|In part):\*\* \w+ .{20,}", text), number


def test_every_number_that_is_cited_is_a_check():
    known = {number for number, _ in checks()}
    pages = [(page, page.read_text()) for page in (CONTRACT, SECURITY)]
    unknown = [
        f"{path.relative_to(ROOT)}: T{number}"
        for path, text in [*texts("Sources", "Tests", "nginx", "tools", "README.md"), *pages]
        for number in cited(text) if number not in known and path.name != "test_documents.py"]
    assert unknown == []


def test_every_check_that_applies_is_cited_by_a_test():
    found = {number for path, text in texts("Tests", "tools/lib/parts.sh") if path.name != "test_documents.py" for number in cited(text)}
    assert [f"T{number}" for number, text in checks() if number not in found and "**Does not apply:**" not in text] == []


def test_every_section_that_is_cited_is_one_of_the_contract():
    built = set(re.findall(r"^## (\d+)\. ", CONTRACT.read_text(), re.M))
    found = [(path, section) for path, text in texts("Sources", "Tests", "nginx", "tools", "README.md")
             if path.name != "test_documents.py" for section in sections(text)]
    assert found and [(path, section) for path, section in found if section not in built] == []


def part(number):
    """The text of one section of the contract."""
    return re.search(rf"^## {number}\. .*?(?=^## )", CONTRACT.read_text(), re.M | re.S)[0]


def test_the_contract_names_every_program():
    assert set(re.findall(r"^\| `(\w+)` \|", part(1), re.M)) == set(ROUTES)


def test_the_contract_names_every_error():
    rows = re.findall(r"^\| (\d{3}) \| ([`a-z_, ]+) \|", part(1), re.M)
    named = {(int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert {(row.status, row.code) for row in contract.ERRORS} < named


def printed(*words):
    done = subprocess.run(
        [programs() / "tallystick", *words], text=True, capture_output=True, check=True, env={"TALLYSTICK_ISSUER": "https://localhost"})
    return done.stdout


def test_the_contract_names_every_setting_and_no_other():
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", part(6), re.M)) == set(re.findall(r"TALLYSTICK_([A-Z_]+)", printed("config", "show")))


def test_the_contract_names_every_command_and_no_other():
    rows = re.findall(r"^  ([a-z]+)(?: ([a-z-]+))?(?: [^a-z ]\S*)* {2,}", printed("--help"), re.M)
    there = {f"{first} {second}".strip() for first, second in rows}
    line = part(7).split("\n\n")[1].rstrip(".")
    named = set()
    for command in re.findall(r"`([a-z|]+(?: [a-z|-]+)?)`", line):
        first, _, seconds = command.partition(" ")
        named |= {f"{first} {second}".strip() for second in seconds.split("|")}
    assert named == there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def references():
    """The files that SECURITY.md names, each with the test in it, or none."""
    return re.findall(r"`((?:Tests|Sources|nginx|tools)/[\w./-]+)(?:::([^`]+))?`", SECURITY.read_text())


def test_every_file_that_the_security_model_names_is_there():
    assert len(references()) > 40
    assert [name for name, _ in references() if not (ROOT / name).exists()] == []


def test_every_test_that_the_security_model_names_is_there():
    missing = []
    for name, test in references():
        path = ROOT / name
        if test and path.is_file():
            form = {".py": f"def {test}(", ".swift": f"func `{test}`", ".js": f'test("{test}"'}[path.suffix]
            if form not in path.read_text():
                missing.append(f"{name}::{test}")
    assert missing == []


def test_every_promise_of_the_security_model_names_a_test():
    """Each attacker has a section, and each section at least one test."""
    parts = re.findall(r"^### .*?(?=^##|\Z)", SECURITY.read_text(), re.M | re.S)
    assert len(parts) >= 8
    assert [text.split("\n")[0] for text in parts if "`Tests/" not in text] == []
