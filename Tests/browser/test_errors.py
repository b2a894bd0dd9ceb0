"""The pages of guarded sites: what nginx shows for an error, and what `enter` and `land` explain.

A site is another origin than the sign-in, and may be on another machine. So each page is one file,
without script, and one policy with the digest of its style holds for all of them.
"""

import base64
import hashlib
import html
import pathlib
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from programs import ROOT

FOLDER = ROOT / "nginx/www/errors"
PAGES = sorted(path.stem for path in FOLDER.glob("*.html"))
SITE = "https://a-rather-long-name.of-a-site.example.test:8443"
FILLED = {"site": SITE, "page": "/reports/7?x=1&y=%26", "return": "/reports/7?x=1&y=%26", "time": "2026-11-27 11:49"}
LOOKS = {
    "desktop": {"viewport": {"width": 1280, "height": 860}},
    "phone, dark": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True,
                    "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
}


def source(name):
    return (FOLDER / f"{name}.html").read_text()


def style(name):
    (found,) = re.findall(r"<style>(.*?)</style>", source(name), re.S)
    return found


def digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy(name):
    return (f"default-src 'none'; style-src 'sha256-{digest(style(name))}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'self'")


def filled(name):
    return re.sub(r"{{(\w+)}}", lambda each: html.escape(FILLED[each[1]]), source(name))


def test_all_have_one_style_so_that_one_policy_holds():
    assert len(PAGES) == 5
    assert len({style(name) for name in PAGES}) == 1
    assert policy("404") in (ROOT / "nginx/tallystick/headers/error-page.conf").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_no_other_file_and_no_script(name):
    text = source(name)
    assert not re.search(r"<script|<link|<img|<iframe|<form|<meta http|\sstyle=|\son\w+=|javascript:|url\(|@import", text)
    assert set(re.findall(r"{{(\w+)}}", text)) <= set(FILLED)
    # Nobody is sent elsewhere: to this page, to a path, or to what the program fills in.
    assert set(re.findall(r'href="([^"]*)"', text)) <= {
        "", "/", "/tallystick/signout", "{{page}}", "{{return}}", "{{site}}{{page}}"}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_nothing_overflows_and_the_policy_holds(stack, look):
    person = stack.person(**LOOKS[look])
    page = person.page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    for name in PAGES:
        stack.proxy.pages[f"/t/{name}"] = ({
            "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy(name)}, filled(name).encode())
        page.goto(f"{stack.url}/t/{name}")
        assert page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius") == "14px", name
        found = Axe().run(page).response["violations"]
        assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == [], name
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], name
    # Not even an icon is asked for.
    assert said == [] and stack.proxy.of("/favicon.ico") == []
    person.close()


def test_their_links_work_where_the_page_stands(stack, person):
    page = person.page()
    for name in ("401", "500"):
        stack.proxy.pages["/t/guarded?x=1"] = (
            {"Content-Type": "text/html", "Content-Security-Policy": policy(name)}, filled(name).encode())
        page.goto(f"{stack.url}/t/guarded?x=1")
        (link, *_) = page.locator("a").all()
        expected = "/t/guarded?x=1" if "{{" not in source(name) else "/reports/7?x=1&y=%26"
        assert link.evaluate("it => it.href") == stack.url + expected, name


def test_the_style_is_the_one_of_the_pages():
    """The same colours by day and by night as in tallystick.css."""
    css = (pathlib.Path(ROOT) / "nginx/www/tallystick.css").read_text()
    light, dark = re.findall(r":root {(.*?)}", css, re.S)
    own_light, own_dark = re.findall(r":root {(.*?)}", style("404"))
    for theirs, own in ((light, own_light), (dark, own_dark)):
        colours = dict(re.findall(r"--([\w-]+): (#\w+)", theirs))
        for name, value in re.findall(r"--([\w-]+): (#\w+)", own):
            assert colours[name] in (value, value + value[1:]), name
