"""Device tokens on the account page: made, seen once, ended. The programs are the real ones.

A refusal is answered by the test where the programs give it only in a case that lasts.
"""

import base64
import json
import re
import time

import pytest
from conftest import PASSWORD
from fault_proxy import Fault
from playwright.sync_api import expect

TOKEN = re.compile(r"ts_[0-9A-Za-z]{49}")
HOUR, DAY = 3600, 86400


class Devices:
    """The device tokens of the account. `refuse` answers changes in the place of the programs."""

    def __init__(self, stack, person):
        self.stack, self.name, self.refuse = stack, person.register(), []
        stack.proxy.plan = self.plan

    def origin(self, host):
        return f"https://{host}.localhost:{self.stack.site.port}"

    def plan(self, request):
        if self.refuse and request.path.startswith("/auth/devices") and request.method != "GET":
            return Fault(instead=self.refuse.pop(0))
        return None

    def add(self, name, *options, last_used_at=None):
        """One more, made by the administrator; each is a second older than the one after it."""
        sites = {"TALLYSTICK_SITES": f"https://*.localhost:{self.stack.site.port}"}
        (made,) = json.loads(self.stack.site.admin("device", "add", self.name, name, *options, "--json", env=sites))
        with self.stack.site.database() as opened:
            opened.execute("UPDATE device SET created_at = created_at - 1 WHERE account = (SELECT id FROM account WHERE username = ?)", (self.name,))
            opened.execute("UPDATE device SET last_used_at = ? WHERE id = ?", (last_used_at, made["id"]))
        return made

    @property
    def there(self):
        return json.loads(self.stack.site.admin("device", "list", self.name, "--json"))

    @property
    def asked(self):
        return [json.loads(each.body) for each in self.stack.proxy.of("/auth/devices", "POST")]

    def opens(self, token, host="site"):
        """Whether a program that has the token gets into the folder of the example."""
        basic = base64.b64encode(f"{self.name}:{token}".encode()).decode()
        answer = self.stack.site.at(f"{host}.localhost", "/dav/", headers={"Authorization": f"Basic {basic}"})
        assert answer.status_code in (200, 401)
        return answer.status_code == 200


def refusal(status, code):
    return status, {}, {"error": code, "error_description": "The rule."}


@pytest.fixture
def devices(stack, person):
    return Devices(stack, person)


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
    now, port = time.time(), devices.stack.site.port
    devices.add("feeds", "--sites", f"{devices.origin('site')},{devices.origin('other')}", "--read-only")
    devices.add("git", "--expires-in", "90d", last_used_at=int(now) - 600)
    devices.add("phone", "--expires-in", "20h", last_used_at=int(now) - 3 * DAY)
    page = account()
    rows = page.locator("#devices li")
    expect(rows).to_have_count(3)
    assert [each.replace("\n\n", ": ") for each in rows.locator("div").all_inner_texts()] == [
        "phone: Last used 3 days ago · every site · ends in 20 hours",
        "git: Last used within the last hour · every site · ends in 3 months",
        f"feeds: Never used · site.localhost:{port}, other.localhost:{port} · may only read · does not end by itself",
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
    here, other = devices.origin("site"), devices.origin("other")
    fill(page, "calendar ", f"{here}/, {other} {here}", "30", read_only=True)
    expect(page.locator("#made-token")).to_have_text(TOKEN)
    token = page.locator("#made-token").inner_text()
    assert devices.asked == [{"name": "calendar", "sites": [here, other], "read_only": True, "expires_in": 30 * DAY}]
    assert devices.opens(token)
    expect(page.locator("#made-text")).to_contain_text(f"username {person.name}")
    expect(page.locator("#devices li")).to_have_count(1)
    expect(page.locator("#made-copy")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#devices-said")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == token
    page.click("#made-done")
    expect(page.locator("#made")).not_to_be_visible()
    expect(page.locator("#devices-title")).to_be_focused()
    assert "ts_" not in page.content()
    fill(page, "second", life="")
    expect(page.locator("#made-token")).to_have_text(TOKEN)
    assert page.locator("#made-token").inner_text() != token
    assert devices.asked[1] == {"name": "second", "sites": None, "read_only": False, "expires_in": None}
    page.reload()
    expect(page.locator("#devices li")).to_have_count(2)
    assert "ts_" not in page.content()
    # Which of the two stands first is open where both were made in one second.
    expect(page.locator("#devices li").filter(has_text="calendar")).to_contain_text("Last used within the last hour")


def test_a_token_that_cannot_be_copied_is_marked(account):
    page = account()
    fill(page)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.click("#made-copy")
    expect(page.locator("#devices-said")).to_contain_text("could not be copied")
    assert page.evaluate("getSelection().toString()") == page.locator("#made-token").inner_text()


def test_a_token_is_gone_when_the_page_is_left(account):
    """Also from a page that the browser keeps for its back button."""
    page = account()
    fill(page)
    expect(page.locator("#made-token")).to_have_text(TOKEN)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert "ts_" not in page.content()


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
    for status, code, words in [(400, "invalid_request", "did not understand"), (503, "temporarily_unavailable", "busy")]:
        devices.refuse = [refusal(status, code)]
        fill(page)
        expect(page.locator("#device-problem")).to_contain_text(words)
        expect(page.locator("#device-name")).to_have_value("git on the laptop")  # nothing is lost
    for sites, name, words in [("https://elsewhere.test", "git", "does not know this site"), ("", "a\u202eb", "did not understand")]:
        fill(page, name, sites)
        expect(page.locator("#device-problem")).to_contain_text(words)
        expect(page.locator("#device-name")).to_have_value(name)
    assert devices.there == []


def test_an_old_login_is_asked_for_again_in_place(stack, devices, account, person):
    page = account()
    stack.site.back_in_time(601)
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
    devices.stack.site.back_in_time(601)
    for leave in (lambda: page.click("#again-cancel"), lambda: page.keyboard.press("Escape")):
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


@pytest.mark.parametrize("shared", [True, False])
def test_the_second_login_stays_one_of_a_shared_computer(stack, devices, person, shared):
    """What the server says of the session's end tells which it is."""
    page = person.page("/")
    page.locator("#shared").set_checked(shared)
    person.fill_sign_in(page)
    expect(page.locator("#sessions .session")).to_have_count(2)  # and the one that made the account
    stack.site.back_in_time(601)
    fill(page)
    stack.proxy.clear()
    page.fill("#again-password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#made-token")).to_have_text(TOKEN)
    (sent,) = stack.proxy.of("/auth/login")
    assert json.loads(sent.body).get("shared") == (True if shared else None)
    cookies = [each for each in person.cookies() if each["expires"] == -1]
    assert len(cookies) == shared


def test_a_token_is_ended(stack, devices, account):
    made = {name: devices.add(name)["token"] for name in ("git", "feeds", "phone")}
    assert all(devices.opens(token) for token in made.values())
    page = account()
    rows = page.locator("#devices li")
    rows.nth(1).locator("button").click()
    expect(rows).to_have_count(2)
    expect(page.locator("#devices-said")).to_have_text("The token feeds has ended.")
    assert [name for name, token in made.items() if devices.opens(token)] == ["git", "phone"]
    expect(page.get_by_role("button", name="End the token git")).to_be_focused()
    for each in devices.there:  # ended elsewhere
        if each["name"] == "git":
            stack.site.admin("device", "end", each["id"])
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
