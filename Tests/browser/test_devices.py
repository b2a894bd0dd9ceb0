"""Device tokens on the account page: made, seen once, ended.

The route is answered by the test, as the contract has it.
"""

import json
import re
import time

import pytest
from conftest import PASSWORD
from fault_proxy import Fault
from playwright.sync_api import expect

TOKEN = "ts_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"
HOUR, DAY = 3600, 86400


class Devices:
    """Answers /auth/devices."""

    def __init__(self, stack):
        self.stack, self.there, self.refuse = stack, [], []
        stack.proxy.plan = self.plan

    def add(self, name, **values):
        now = int(time.time())
        self.there.append({
            "id": f"d{len(self.there)}".ljust(26, "a"), "name": name, "sites": None, "read_only": False,
            "created_at": now + len(self.there), "last_used_at": None, "expires_at": None} | values)
        return self.there[-1]

    def plan(self, request):
        if not request.path.startswith("/auth/devices"):
            return None
        if self.refuse and request.method != "GET":
            return Fault(instead=self.refuse.pop(0))
        if request.method == "GET":
            return Fault(instead=(200, {}, {"devices": self.there}))
        if request.method == "POST":
            asked = json.loads(request.body)
            life = asked.pop("expires_in")
            made = self.add(**asked, expires_at=life and int(time.time()) + life)
            return Fault(instead=(201, {}, made | {"token": TOKEN}))
        before = len(self.there)
        self.there = [each for each in self.there if each["id"] != request.path.rsplit("/", 1)[1]]
        if len(self.there) == before:
            return Fault(instead=refusal(404, "not_found"))
        return Fault(instead=(204, {}, b""))

    @property
    def asked(self):
        return [json.loads(each.body) for each in self.stack.proxy.of("/auth/devices", "POST")]


def refusal(status, code):
    return status, {}, {"error": code, "error_description": "The rule."}


@pytest.fixture
def devices(stack):
    return Devices(stack)


@pytest.fixture
def account(person, devices):
    def show():
        page = person.page("/")
        person.fill_sign_in(page)
        page.wait_for_url("**/account.html")
        expect(page.locator("#devices-card")).to_be_visible()
        return page
    return show


def fill(page, name="git on the laptop", sites="", life="90", read_only=False):
    if not page.locator("#device").is_visible():
        page.click("#new-device summary")
    page.fill("#device-name", name)
    page.fill("#device-sites", sites)
    page.select_option("#device-life", life)
    page.locator("#device-readonly").set_checked(read_only)
    page.click("#device [type=submit]")


def test_the_list_says_what_each_may_and_when_it_was_used(devices, account):
    now = time.time()
    devices.add("feeds", sites=["https://feeds.example.test", "https://news.test:8443"], read_only=True)
    devices.add("git", last_used_at=int(now) - 600, expires_at=int(now) + 90 * DAY)
    devices.add("phone", last_used_at=int(now) - 3 * DAY, expires_at=int(now) + 20 * HOUR)
    page = account()
    rows = page.locator("#devices li")
    expect(rows).to_have_count(3)
    assert [each.replace("\n\n", ": ") for each in rows.locator("div").all_inner_texts()] == [
        "phone: Last used 3 days ago · every site · ends in 20 hours",
        "git: Last used within the last hour · every site · ends in 3 months",
        "feeds: Never used · feeds.example.test, news.test:8443 · may only read · does not end by itself",
    ]
    expect(rows.nth(1).locator("button")).to_have_accessible_name("End the token git")


def test_without_the_route_there_is_nothing_to_see(stack, person):
    stack.proxy.plan = lambda request: (
        Fault(instead=refusal(404, "not_found")) if request.path == "/auth/devices" else None)
    page = person.page("/")
    person.fill_sign_in(page)
    page.wait_for_selector(".session")
    expect(page.locator("#devices-card")).not_to_be_visible()
    expect(page.locator("#sessions-problem")).to_be_empty()


def test_a_token_is_made_shown_once_and_copied(devices, account, person):
    page = account()
    expect(page.locator("#devices")).to_have_text("You have none.")
    person.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=person.url)
    fill(page, "calendar ", "https://dav.test/, https://cal.test:8443 https://dav.test", "30", read_only=True)
    expect(page.locator("#made-token")).to_have_text(TOKEN)
    assert devices.asked == [{"name": "calendar", "sites": ["https://dav.test", "https://cal.test:8443"],
                              "read_only": True, "expires_in": 30 * DAY}]
    expect(page.locator("#made-text")).to_contain_text(f"username {person.name}")
    expect(page.locator("#devices li")).to_have_count(1)
    expect(page.locator("#made-copy")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#devices-said")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == TOKEN
    page.click("#made-done")
    expect(page.locator("#made")).not_to_be_visible()
    expect(page.locator("#devices-title")).to_be_focused()
    assert TOKEN not in page.content()
    fill(page, "second", life="")
    expect(page.locator("#made-token")).to_have_text(TOKEN)
    assert devices.asked[1] == {"name": "second", "sites": None, "read_only": False, "expires_in": None}
    page.reload()
    expect(page.locator("#devices li")).to_have_count(2)
    assert TOKEN not in page.content()


def test_a_token_that_cannot_be_copied_is_marked(account):
    page = account()
    fill(page)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.click("#made-copy")
    expect(page.locator("#devices-said")).to_contain_text("could not be copied")
    assert page.evaluate("getSelection().toString()") == TOKEN


def test_a_token_is_gone_when_the_page_is_left(account):
    """Also from a page that the browser keeps for its back button."""
    page = account()
    fill(page)
    expect(page.locator("#made-token")).to_have_text(TOKEN)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert TOKEN not in page.content()


def test_what_is_no_name_and_no_site_is_said_before_anything_is_sent(devices, account):
    page = account()
    for name, sites, words, focus in [
        ("", "", "Enter what the token is for.", "#device-name"),
        ("  ", "", "Enter what the token is for.", "#device-name"),
        ("git", "dav.test", "dav.test is not a site’s address.", "#device-sites"),
        ("git", "https://dav.test/path", "https://dav.test/path is not a site’s address.", "#device-sites"),
        ("git", "https://dav.test http://b.test", "http://b.test is not a site’s address.", "#device-sites"),
    ]:
        fill(page, name, sites)
        expect(page.locator("#device-problem")).to_contain_text(words)
        expect(page.locator(focus)).to_be_focused()
        expect(page.locator(focus)).to_have_attribute("aria-invalid", "true")
    assert devices.asked == []
    for status, code, words in [(400, "invalid_request", "did not understand"), (503, "temporarily_unavailable", "busy"),
                                (403, "unknown_site", "does not know this site")]:
        devices.refuse = [refusal(status, code)]
        fill(page)
        expect(page.locator("#device-problem")).to_contain_text(words)
        expect(page.locator("#device-name")).to_have_value("git on the laptop")  # nothing is lost


def test_an_old_login_is_asked_for_again_in_place(stack, devices, account, person):
    page = account()
    devices.refuse = [refusal(403, "login_required")]
    fill(page)
    expect(page.locator("#again")).to_be_visible()
    expect(page.locator("#again-password")).to_be_focused()
    expect(page.locator("#again-username")).to_have_value(person.name)
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#again-problem")).to_have_text("The password is wrong.")
    expect(page.locator("#again-password")).to_be_focused()
    page.fill("#again-password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#made-token")).to_have_text(TOKEN)
    expect(page.locator("#again")).not_to_be_visible()
    assert [each["name"] for each in devices.asked] == ["git on the laptop"] * 2
    # The same account, and one session of it in this browser.
    sessions = json.loads(stack.site.admin("session", "list", person.name, "--json"))
    assert len([each for each in sessions if "Chrome" in each["user_agent"]]) == 1
    expect(page.locator("#sessions .session", has_text="Chrome on Linux")).to_have_count(1)


def test_whoever_does_not_say_the_password_makes_nothing(devices, account):
    page = account()
    for leave in (lambda: page.click("#again-cancel"), lambda: page.keyboard.press("Escape")):
        devices.refuse = [refusal(403, "login_required")]
        fill(page)
        expect(page.locator("#again-password")).to_be_focused()
        page.keyboard.type("half a pass")
        leave()
        expect(page.locator("#again")).not_to_be_visible()
        expect(page.locator("#device [type=submit]")).to_have_text("Make it")
        expect(page.locator("#device-name")).to_have_value("git on the laptop")
        expect(page.locator("#device-problem")).to_be_empty()
        expect(page.locator("#again-password")).to_have_value("")
    assert devices.there == []


def test_the_password_is_asked_for_once_and_not_in_circles(devices, account):
    page = account()
    devices.refuse = [refusal(403, "login_required")] * 2
    fill(page)
    page.fill("#again-password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#device-problem")).to_contain_text("sign in again")
    expect(page.locator("#again")).not_to_be_visible()


def test_the_second_login_stays_one_of_a_shared_computer(stack, devices, account):
    """What the server says of the session's end tells which it is; until that is known, it counts as shared."""
    page = account()
    now = int(time.time())
    session = {"id": "s" * 26, "current": True, "created_at": now, "last_used_at": now, "expires_at": now + 900,
               "address": "", "user_agent": ""}
    plan = devices.plan
    for life, shared in ((900, True), (7 * DAY, False)):
        session["expires_at"] = now + life

        def answer(request):
            if request.path == "/auth/sessions":
                return Fault(instead=(200, {}, {"sessions": [session]}))
            # The programs of today do not know the member yet.
            if request.path == "/auth/login":
                return Fault(instead=refusal(401, "invalid_credentials"))
            return plan(request)
        stack.proxy.plan = answer
        page.reload()
        expect(page.locator("#sessions .session")).to_have_count(1)
        devices.refuse = [refusal(403, "login_required")]
        fill(page)
        stack.proxy.clear()
        page.fill("#again-password", "x")
        page.keyboard.press("Enter")
        expect(page.locator("#again-problem")).to_have_text("The password is wrong.")
        (sent,) = stack.proxy.of("/auth/login")
        assert json.loads(sent.body).get("shared") == (True if shared else None)


def test_a_token_is_ended(devices, account):
    for name in ("git", "feeds", "phone"):
        devices.add(name)
    page = account()
    rows = page.locator("#devices li")
    rows.nth(1).locator("button").click()
    expect(rows).to_have_count(2)
    expect(page.locator("#devices-said")).to_have_text("The token feeds has ended.")
    expect(page.get_by_role("button", name="End the token git")).to_be_focused()
    devices.there = []  # ended elsewhere
    page.keyboard.press("Enter")
    expect(page.locator("#devices-said")).to_have_text("That token had already ended.")
    expect(page.get_by_role("button", name="End the token phone")).to_be_focused()
    devices.refuse = [refusal(503, "temporarily_unavailable")]
    page.keyboard.press("Enter")
    expect(page.locator("#devices-problem")).to_contain_text("busy")
    expect(rows).to_have_count(1)
    page.keyboard.press("Enter")
    expect(rows).to_have_text(re.compile("You have none"))
    expect(page.locator("#devices-title")).to_be_focused()
