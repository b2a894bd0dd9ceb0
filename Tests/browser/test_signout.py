"""The way out: one click ends the login of this browser, and a link leads back."""

import json
import re
from urllib.parse import quote

import pytest
from conftest import state
from fault_proxy import Fault
from playwright.sync_api import expect

BACK = "https://app.test/reports?x=1&y=2"


def signout(back=BACK):
    return "/signout.html" + ("" if back is None else f"?return={quote(back, safe='')}")


@pytest.fixture
def signed_in(person):
    person.tab_before = person.signed_in_tab()
    return person


def test_one_click_signs_out_and_a_link_leads_back(stack, signed_in):
    page = signed_in.page(signout())
    expect(page.locator("#who")).to_have_text(f"You are signed in as {signed_in.name}.")
    assert stack.proxy.of("/auth/logout") == []  # nothing without the click
    page.click("#signout")
    expect(page.locator("#out-title")).to_be_focused()
    expect(page.locator("#out-title")).to_have_text("You are signed out")
    assert signed_in.cookies() == []
    assert len(stack.proxy.of("/auth/logout")) == 1
    assert json.loads(stack.site.admin("session", "list", signed_in.name, "--json"))[1:] == []
    # The other tabs are signed out with it.
    assert state(signed_in.tab_before) == "signedout"
    page.wait_for_load_state("networkidle")
    assert page.url == stack.url + signout()  # it leads nowhere by itself
    page.get_by_role("link", name="Back to app.test").click()
    page.wait_for_url(BACK)
    (arrived,) = [each for each in stack.proxy.foreign if each.path.startswith("/reports")]
    assert arrived.headers["Referer"] is None


def test_whoever_thinks_better_of_it_goes_back_signed_in(stack, signed_in):
    page = signed_in.page(signout())
    expect(page.locator("#in")).to_be_visible()
    page.get_by_role("link", name="Back to app.test").click()
    page.wait_for_url(BACK)
    assert stack.proxy.of("/auth/logout") == []
    assert state(signed_in.tab()) == "signedin"


def test_whoever_is_not_signed_in_is_told_so(person):
    page = person.page(signout())
    expect(page.locator("#out-title")).to_be_visible()
    expect(page.locator("#signout")).not_to_be_visible()
    expect(page.get_by_role("link", name="Back to app.test")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    page.wait_for_url(re.compile(r"/$"))


def test_a_way_back_that_is_no_address_of_a_site_is_not_offered(person):
    """T159. Where it leads to is always named."""
    page = person.page()
    for back in (None, "", "/", "//evil.test", "http://app.test", "javascript:alert(1)", "data:text/html,x",
                 "https://app.test@evil.test/", "evil.test"):
        page.goto(person.url + signout(back))
        expect(page.locator("#out-title")).to_be_visible()
        expect(page.locator("#back")).not_to_be_visible()
        assert page.locator("#back").get_attribute("href") is None
    page.goto(person.url + signout("https://evil.test/app.test"))
    expect(page.locator("#back")).to_have_text("Back to evil.test")


def test_a_sign_out_that_the_server_did_not_hear_is_said_and_can_be_repeated(stack, signed_in):
    page = signed_in.page(signout())
    expect(page.locator("#in")).to_be_visible()
    lost = Fault(lose="request")
    stack.proxy.plan = lambda request: lost if request.path == "/auth/logout" else None
    page.click("#signout")
    expect(page.locator("#notice")).to_contain_text("the server could not be told")
    expect(page.locator("#out")).not_to_be_visible()  # it does not say that it is done
    stack.reset()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#out-title")).to_be_visible()
    expect(page.locator("#notice")).to_be_empty()
    assert signed_in.cookies() == []


def test_a_sign_out_elsewhere_shows_here(signed_in):
    page = signed_in.page(signout())
    expect(page.locator("#in")).to_be_visible()
    signed_in.tab_before.evaluate("auth.logout()")
    expect(page.locator("#out-title")).to_be_visible()


def test_no_other_site_signs_anybody_out(stack, signed_in):
    """T156: it is not shown in a frame, and nothing happens at a mere visit."""
    page = signed_in.page()
    page.goto("https://evil.test/")
    page.evaluate("""(url) => new Promise((done) => {
      const frame = Object.assign(document.createElement("iframe"), { src: url, onload: done });
      document.body.append(frame);
    })""", stack.url + signout())
    assert page.frames[1].evaluate("document.getElementById('signout')") is None
    page.evaluate("(url) => { location.href = url; }", stack.url + signout())
    expect(page.locator("#in")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert stack.proxy.of("/auth/logout") == []
