"""The pages as a person meets them: by mouse, keyboard and screen reader, in light and dark."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import PASSWORD, state
from fault_proxy import Fault
from playwright.sync_api import expect
from waiting import wait_until

GATE = f"/gate.html?site=https%3A%2F%2Fa-rather-long-name.of-a-site.test%3A8443&return=%2F&state={'s' * 43}"
SIGNOUT = "/signout.html?return=https%3A%2F%2Fa-rather-long-name.of-a-site.test%3A8443%2F"
PAGES = ["/", "/register.html", "/account.html", "/demo.html", GATE, SIGNOUT]
LOOKS = {
    "desktop, light": {"viewport": {"width": 1280, "height": 860}},
    "desktop, dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone, light": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "phone, dark": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True,
                    "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
}


@pytest.fixture
def account(person):
    """The account page, after a sign-in by the form."""
    page = person.page("/")
    person.fill_sign_in(page)
    page.wait_for_url("**/account.html")
    page.wait_for_selector(".session")
    return page


def problem(page):
    return page.locator("#problem")


# --- signing in and registering ---


def test_sign_in_with_the_keyboard_alone(person):
    person.register()
    page = person.page("/")
    expect(page.locator("#username")).to_be_focused()
    page.keyboard.type(person.name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account.html")
    expect(page.locator("#name")).to_have_text(person.name)


def test_a_wrong_password_is_said_in_words_and_the_focus_goes_there(person):
    person.register()
    page = person.page("/")
    person.fill_sign_in(page, password="wrong")
    expect(problem(page)).to_have_text("The username or the password is wrong.")
    expect(page.locator("#password")).to_be_focused()
    expect(page.locator("#password")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#password")).to_have_attribute("aria-describedby", "problem")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account.html")


def test_empty_fields_are_asked_for_one_by_one_and_nothing_is_sent(stack, person):
    page = person.page("/")
    page.click("[type=submit]")
    expect(problem(page)).to_have_text("Enter your username.")
    expect(page.locator("#username")).to_be_focused()
    page.fill("#username", "ann")
    page.click("[type=submit]")
    expect(problem(page)).to_have_text("Enter your password.")
    expect(page.locator("#username")).not_to_have_attribute("aria-invalid", "true")
    assert stack.proxy.of("/auth/login") == []


def test_a_double_click_sends_one_login(stack, person):
    page = person.page("/")
    person.register()
    stack.proxy.plan = lambda request: Fault(after=0.5) if request.path == "/auth/login" else None
    page.fill("#username", person.name)
    page.fill("#password", PASSWORD)
    page.dblclick("[type=submit]")
    expect(page.locator("[type=submit]")).to_have_attribute("aria-disabled", "true")
    page.wait_for_url("**/account.html")
    assert len(stack.proxy.of("/auth/login")) == 1


def test_register_and_what_it_refuses(stack, person):
    taken = person.register()
    page = person.page("/register.html")
    for name, password, said, focus in [
        (taken, PASSWORD, "This username is taken. Please choose another.", "#username"),
        ("Not A Name", PASSWORD, "A username is 1 to 64", "#username"),
        ("new", "short", "Please choose another password. The password must have", "#password"),
        ("new", "password1234", "Please choose another password. ", "#password"),
    ]:
        page.fill("#username", name)
        page.fill("#password", password)
        page.click("[type=submit]")
        expect(problem(page)).to_contain_text(said)
        expect(page.locator(focus)).to_be_focused()
    page.fill("#username", f"{taken}.second")
    page.fill("#password", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_url("**/account.html")
    expect(page.locator("#name")).to_have_text(f"{taken}.second")


def codes_of_the_contract():
    return {
        "invalid_request": 400, "invalid_credentials": 401, "invalid_token": 401, "cross_site": 403,
        "registration_closed": 403, "insufficient_scope": 403, "not_found": 404,
        "method_not_allowed": 405, "username_taken": 409, "too_large": 413,
        "unsupported_media_type": 415, "weak_password": 422, "invalid_username": 422,
        "too_many_attempts": 429, "temporarily_unavailable": 503, "unknown_site": 403, "login_required": 403}


def test_every_error_of_the_contract_is_said_in_words(stack, person):
    page = person.page("/register.html")
    said = {}
    for code, status in codes_of_the_contract().items():
        answer = Fault(instead=(status, {"Retry-After": "90"}, {
            "error": code, "error_description": "The rule."}))
        stack.proxy.plan = lambda request, answer=answer: answer if request.path == "/auth/register" else None
        page.fill("#username", "ann")
        page.fill("#password", "x")
        page.click("[type=submit]")
        expect(page.locator("[type=submit]")).to_have_attribute("aria-disabled", "false")
        said[code] = problem(page).inner_text()
    for code, words in said.items():
        assert len(words) > 15 and words.endswith((".", "@")), (code, words)
        assert code not in words and "undefined" not in words and "{" not in words
        assert "Something went wrong" not in words, code
    assert "in 2 minutes" in said["too_many_attempts"]
    assert said["weak_password"].endswith("The rule.")
    # The server is gone, or is not ours.
    for fault, words in [
        (Fault(lose="request"), "cannot be reached"),
        (Fault(instead=(502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>")), "busy"),
        (Fault(instead=(200, {"Content-Type": "text/html"}, b"<h1>Pay here</h1>")), "does not understand"),
    ]:
        stack.proxy.plan = lambda request, fault=fault: fault if request.path == "/auth/register" else None
        page.click("[type=submit]")
        expect(problem(page)).to_contain_text(words)


def test_whoever_is_signed_in_skips_the_sign_in(account, person):
    for path in ("/", "/register.html"):
        page = person.page(path)
        page.wait_for_url("**/account.html")


def test_whoever_signs_out_before_the_login_is_restored_is_signed_out(stack, person):
    """The answer that restores it comes when the button was pressed already; nothing of it is left."""
    person.signed_in_tab().close()
    stack.proxy.plan = lambda request: Fault(after=2) if request.path == "/auth/refresh" else None
    page = person.page("/account.html")
    page.click("#signout")
    page.wait_for_url(re.compile(r"/$"))
    page.close()
    wait_until(lambda: all(each.left for each in stack.proxy.of("/auth/refresh")), "the answers")
    stack.proxy.plan = lambda request: None
    assert state(person.tab()) == "signedout"
    assert person.cookies() == []


def test_t159_no_parameter_leads_anywhere_else(person):
    """T159."""
    for query in ("?next=https://evil.test/", "?rd=//evil.test", "?url=javascript:alert(1)", "?return=/\\evil.test",
                  "#https://evil.test", "#__proto__", "#constructor"):
        page = person.page("/" + query)
        person.fill_sign_in(page)
        page.wait_for_url("**/account.html")
        assert page.url == f"{person.url}/account.html"
        page.click("#signout")
        page.wait_for_url(re.compile(r"/$"))
        page.close()


# --- T163 ---


def test_t163_the_sign_in_works_under_a_strict_policy(stack, person):
    """T163: scripts from the site alone, and none in the pages."""
    violations = []

    def watched():
        page = person.context.new_page()
        page.on("console", lambda message: violations.append(message.text)
                if "Content Security Policy" in message.text else None)
        return page

    for path in PAGES:
        watched().goto(person.url + path)  # and left alone: some go on to the sign-in by themselves
        answer = stack.site.get(path)
        policy = dict(each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";"))
        assert policy["script-src"] == "'self'"
        assert policy["style-src"] == "'self'"
        assert "unsafe" not in answer.headers["content-security-policy"]
        inline = r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:"
        assert not re.search(inline, answer.text), path
    page = watched()
    page.goto(person.url + "/")
    person.fill_sign_in(page)
    page.wait_for_selector(".session")
    page.goto(person.url + "/demo.html")
    page.click("#ten")
    expect(page.locator("#requests")).to_have_text("10")
    assert violations == []


def test_t163_password_managers_and_pasting(person):
    """T163."""
    page = person.page("/")
    attributes = "each => Object.fromEntries([...each.attributes].map(({ name, value }) => [name, value]))"
    name, password = (page.locator(each).evaluate(attributes) for each in ("#username", "#password"))
    assert (name["type"], name["name"], name["autocomplete"]) == ("text", "username", "username")
    assert (password["type"], password["autocomplete"]) == ("password", "current-password")
    form = page.locator("form").evaluate(attributes)
    assert form["method"] == "post"  # without script, no password ends in an address
    page.goto(person.url + "/register.html")
    assert page.locator("#password").get_attribute("autocomplete") == "new-password"

    page.goto(person.url + "/")
    person.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=person.url)
    page.evaluate("(text) => navigator.clipboard.writeText(text)", PASSWORD)
    page.fill("#username", person.register())
    page.focus("#password")
    page.keyboard.press("Control+V")
    expect(page.locator("#password")).to_have_value(PASSWORD)
    page.click(".reveal")
    expect(page.locator("#password")).to_have_attribute("type", "text")
    expect(page.locator(".reveal")).to_have_accessible_name("Hide password")
    page.locator("#password").press("Enter")
    page.wait_for_url("**/account.html")
    assert page.locator("#current").get_attribute("autocomplete") == "current-password"
    assert page.locator("#next").get_attribute("autocomplete") == "new-password"
    expect(page.locator("#change #username")).to_have_value(person.name)


# --- the account ---


def test_the_sessions_show_where_and_one_can_be_ended(stack, account, person):
    elsewhere = stack.person()
    elsewhere.name = person.name
    other = elsewhere.page("/")
    elsewhere.fill_sign_in(other)
    other.wait_for_selector(".session")

    account.reload()
    rows = account.locator(".session")
    expect(rows).to_have_count(3)  # the account was made by a session without a browser
    expect(rows.first).to_contain_text("This device")
    expect(rows.first).to_contain_text("Chrome on Linux")
    expect(rows.first).to_contain_text("127.0.0.1")
    expect(rows.first).to_contain_text("Last used just now")
    expect(rows.first.locator("button")).to_have_count(0)
    theirs = account.locator(".session", has_text="Chrome on Linux").nth(1)
    button = theirs.locator("button")
    expect(button).to_have_accessible_name(re.compile("^End the session of Chrome on Linux, last used"))
    button.focus()
    account.keyboard.press("Enter")
    expect(rows).to_have_count(2)
    expect(account.locator("#sessions-said")).to_contain_text("has ended")
    assert account.evaluate("document.activeElement !== document.body")

    # The other side hears of it with its next request, and is told why.
    other.click("#everywhere")
    other.click("#ask-confirm")
    other.wait_for_url(re.compile(r"/$"))
    expect(other.locator("#notice")).to_contain_text("session has ended")
    elsewhere.close()
    account.reload()
    expect(rows).to_have_count(2)


def test_a_new_password_signs_the_others_out_and_not_this_one(stack, account, person):
    elsewhere = stack.person()
    elsewhere.name = person.name
    other = elsewhere.signed_in_tab()
    sibling = person.tab()
    account.fill("#current", "wrong")
    account.fill("#next", PASSWORD + " anew")
    account.click("#change [type=submit]")
    expect(problem(account)).to_have_text("The current password is wrong.")
    expect(account.locator("#current")).to_be_focused()
    account.fill("#current", PASSWORD)
    account.fill("#next", "short")
    account.click("#change [type=submit]")
    expect(problem(account)).to_contain_text("Please choose another password.")
    expect(account.locator("#next")).to_be_focused()
    account.fill("#next", PASSWORD + " anew")
    account.keyboard.press("Enter")
    expect(account.locator("#changed")).to_contain_text("Your password is changed")
    expect(account.locator(".session")).to_have_count(1)
    assert sibling.evaluate("auth.user().then(({ username }) => username)") == person.name
    assert other.evaluate("auth.user().catch(({ code }) => code)") == "signed_out"
    elsewhere.close()


def test_sign_out_everywhere_asks_first(stack, account, person):
    elsewhere = stack.person()
    elsewhere.name = person.name
    other = elsewhere.signed_in_tab()
    account.locator("#everywhere").press("Enter")
    expect(account.locator("#ask-cancel")).to_be_focused()
    account.keyboard.press("Escape")
    expect(account.locator("#ask")).not_to_be_visible()
    assert stack.proxy.of("/auth/revoke") == []
    account.click("#everywhere")
    account.click("#ask-confirm")
    account.wait_for_url(re.compile(r"/$"))
    expect(account.locator("#notice")).to_have_text("You are signed out everywhere.")
    assert other.evaluate("auth.user().catch(({ code }) => code)") == "signed_out"
    elsewhere.close()


def test_signed_out_here_and_in_the_other_tab(account, person):
    other = person.page("/demo.html")
    other.wait_for_selector("body.ready")
    account.click("#signout")
    for page in (account, other):
        page.wait_for_url(re.compile(r"/$"))
        expect(page.locator("#notice")).to_have_text("You are signed out.")
    for path in ("/account.html", "/demo.html"):
        page = person.page(path)
        page.wait_for_url(re.compile(r"/$"))


def test_a_sign_out_that_the_server_did_not_hear_is_said_and_can_be_repeated(stack, account, person):
    lost = Fault(lose="request")
    stack.proxy.plan = lambda request: lost if request.path == "/auth/logout" else None
    account.click("#signout")
    expect(account.locator("#notice")).to_contain_text("the server could not be told")
    expect(account.locator("main")).not_to_be_visible()
    again = account.get_by_role("button", name="Try again")
    expect(again).to_be_focused()
    stack.reset()
    again.click()
    account.wait_for_url(re.compile(r"/$"))
    assert person.cookies() == []
    (sent,) = stack.proxy.of("/auth/logout")
    assert sent.headers["Authorization"].startswith("Bearer ")


def test_a_server_that_is_away_is_said_and_nobody_is_signed_out(stack, account):
    lost = Fault(lose="request")
    stack.proxy.plan = lambda request: lost if request.path.startswith("/auth/") else None
    account.goto(account.url)
    expect(account.locator("#notice")).to_contain_text("cannot be reached", timeout=15_000)
    assert account.url.endswith("/account.html")
    stack.reset()
    account.evaluate("dispatchEvent(new Event('online'))")
    expect(account.locator("#notice")).to_be_empty()
    expect(account.locator("main")).to_be_visible()


def test_the_demo_shows_the_flow(stack, account):
    account.goto(account.url.replace("account", "demo"))
    account.wait_for_selector("body.ready")
    expect(account.locator("#refreshes")).to_have_text("1")
    account.click("#echo")
    expect(account.locator("#answer")).to_contain_text('"path": "/api/echo"')
    account.click("#private")
    expect(account.locator("#answer")).to_contain_text("You see this because")
    account.click("#public")
    expect(account.locator("#answer")).to_contain_text('"path": "/public/echo"')
    expect(account.locator("#requests")).to_have_text("3")
    stack.proxy.clear()
    account.click("#reject")
    expect(account.locator("#retries")).to_have_text("10")
    expect(account.locator("#refreshes")).to_have_text("2")
    assert len(stack.proxy.of("/auth/refresh")) == 1
    account.click("#lose")
    expect(account.locator("#retries")).to_have_text("11", timeout=10_000)
    expect(account.locator("#refreshes")).to_have_text("6")
    expect(account.locator("#status")).to_have_text("signed in")
    expect(account.locator("#remaining")).to_have_text(re.compile(r"^8\d\d s$"))


# --- for everybody ---


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_and_nothing_overflows(stack, look):
    person = stack.person(**LOOKS[look])
    person.register()
    page = person.page("/")

    def check(what):
        # The sticks meet.
        page.evaluate("() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished))")
        found = Axe().run(page).response["violations"]
        assert [(each["impact"], each["id"], [node["target"] for node in each["nodes"]])
                for each in found] == [], what
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], what
    check("sign in")
    person.fill_sign_in(page, password="wrong")
    expect(problem(page)).not_to_be_empty()
    check("sign in, refused")
    page.goto(person.url + "/register.html")
    check("register")
    page.goto(person.url + "/gate.html")
    check("gate, a query of nobody")
    page.goto(person.url + GATE)
    expect(page.locator("#signin")).to_be_visible()
    check("gate")
    page.goto(person.url + SIGNOUT)
    expect(page.locator("#out")).to_be_visible()
    check("signed out")
    devices = [{"id": "d" * 26, "name": "a name of a token that is as long as the server allows: 64 letters", "read_only": True,
                "sites": ["https://a-rather-long-name.of-a-site.test:8443"], "created_at": 0, "last_used_at": 1, "expires_at": None}]
    answers = {"/auth/devices": (200, {}, {"devices": devices, "token": "ts_" + "aB3" * 18}),
               "/auth/handover": (403, {}, {"error": "unknown_site"})}
    stack.proxy.plan = lambda request: Fault(instead=answers[request.path]) if request.path in answers else None
    page.goto(person.url + "/")
    person.fill_sign_in(page)
    page.wait_for_selector(".session")
    check("account")
    page.click("#change [type=submit]")
    check("account, a field missing")
    page.click("#everywhere")
    check("account, asking")
    page.click("#ask-cancel")
    page.click("#new-device summary")
    page.click("#device [type=submit]")
    check("account, a token without a name")
    answers["/auth/devices"], made = (403, {}, {"error": "login_required"}), answers["/auth/devices"]
    page.fill("#device-name", "git")
    page.click("#device [type=submit]")
    expect(page.locator("#again")).to_be_visible()
    check("account, the password again")
    answers["/auth/devices"] = made
    page.fill("#again-password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#made")).to_be_visible()
    check("account, a token")
    page.goto(person.url + GATE)
    expect(page.locator("#stop")).to_be_visible()
    check("gate, an unknown site")
    page.goto(person.url + SIGNOUT)
    expect(page.locator("#in")).to_be_visible()
    check("sign out")
    page.goto(person.url + "/demo.html")
    page.wait_for_selector("body.ready")
    page.click("#reject")
    expect(page.locator("#retries")).to_have_text("10")
    check("demo")
    person.close()


def test_texts_are_in_one_place(stack, person):
    page = person.page("/")
    strings = page.evaluate("import('/strings.js').then(({ strings }) => strings)")
    used = set()
    for path in PAGES:
        html = stack.site.get(path).text
        used |= set(re.findall(r'data-(?:text|label|title|missing)="([^"]+)"', html))
        body = re.sub(r"<noscript>.*?</noscript>|<[^>]*>|\s|–", "", html.split("<body", 1)[1].split(">", 1)[1],
                      flags=re.S)
        assert body == "", f"{path}: {body}"
    assert used <= set(strings)
    code = "".join(stack.site.get(f"/{name}.js").text
                   for name in ("page", "signin", "register", "account", "demo", "gate", "signout"))
    families = ("error.", "status.")
    unused = [key for key in strings if key not in used and f'"{key}"' not in code
              and not key.startswith(families)]
    assert unused == []
    assert {f"error.{code}" for code in codes_of_the_contract()} <= set(strings)
    assert all(json.dumps(text) for text in strings.values())
