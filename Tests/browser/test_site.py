"""The example of a guarded site in a real Chromium: everything that a page consists of, behind the gate."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def board(person):
    """The board, reached from the first page as a newcomer would."""
    page = person.page("/")
    person.register()
    page.click("#example a")
    expect(page.locator("#signin")).to_be_visible()
    person.fill_sign_in(page)
    page.wait_for_url(f"{origin(person)}/")
    return page


def origin(person, host="site.localhost"):
    return f"https://{host}:{person.site.port}"


def test_the_board_works_behind_the_gate(person, board):
    expect(board.locator("#who")).to_have_text(person.name)
    # Pictures and styles.
    expect(board.locator("img")).to_have_count(2)
    board.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert board.evaluate("getComputedStyle(document.querySelector('section')).borderRadius") == "14px"
    # The event stream tells another tab of a note that a form sent.
    other = person.context.new_page()
    other.goto(f"{origin(person)}/")
    for page in (board, other):
        expect(page.locator("#stream")).to_contain_text("connected")
    board.fill("#text", "a <b>note</b> & more")
    board.click("form button")
    expect(other.locator("#notes li").first).to_contain_text("a <b>note</b> & more")
    expect(board.locator("#notes li").first).to_contain_text(f"{person.name}")
    # The WebSocket counts for both.
    before = int(other.locator("#count").inner_text())
    board.click("#notch:enabled")
    for page in (board, other):
        expect(page.locator("#count")).to_have_text(str(before + 1))
    # A download, an upload, and a request of a script.
    with board.expect_download() as download:
        board.click("text=The tally as a table")
    assert f"{person.name},1" in download.value.path().read_text()
    board.set_input_files("#file", {"name": "x", "mimeType": "text/plain", "buffer": b"x" * 3_000_000})
    expect(board.locator("#digest")).to_contain_text("3000000 bytes, SHA-256 ")
    board.click("#ask")
    expect(board.locator("#told")).to_contain_text(f'"X-Auth-User": "{person.name}"')
    assert "__Host-tallystick" not in board.locator("#told").inner_text()
    assert board.evaluate("document.cookie") == ""


def test_one_sign_in_opens_the_third_origin_and_the_issuers_own_pages(person, board):
    for address in (f"{origin(person, 'other.localhost')}/?x=1&y=%20#there", f"{person.url}/private/"):
        board.goto(address)
        board.wait_for_url(address)
        expect(board.locator("body")).to_contain_text("You see this because")
    board.goto(f"{person.url}/private/staff/")
    expect(board.locator("h1")).to_have_text("This is not for your account")


def test_signing_out_leads_away_and_closes_the_site(person, board):
    board.click("text=Sign out")
    board.wait_for_url(re.compile(r"/signout\.html"))
    board.click("#signout")
    expect(board.locator("#out")).to_be_visible()
    board.goto(f"{origin(person)}/")
    expect(board.locator("#signin")).to_be_visible()
    # Nor does the way back show what was there.
    board.go_back(wait_until="commit")
    expect(board.locator("#in, #out").filter(visible=True)).to_have_count(1)
    board.go_back(wait_until="commit")
    # The third time within a minute.
    expect(board.get_by_role("heading", name="Sign in to go on")).to_be_visible()


def test_a_page_that_stays_open_notices_the_end_of_its_login(person, board):
    """reload.js: its next request is refused, and the reload leads to the sign-in and back to the page."""
    board.goto(f"{origin(person)}/?here=1#there")
    expect(board.locator("#stream")).to_contain_text("connected")
    person.site.admin("account", "revoke", person.name)
    board.click("#ask")
    expect(board.locator("#signin")).to_be_visible()
    person.fill_sign_in(board)
    board.wait_for_url(f"{origin(person)}/?here=1#there")
    expect(board.locator("#who")).to_have_text(person.name)
