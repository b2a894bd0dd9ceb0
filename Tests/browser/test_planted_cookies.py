"""What a sibling sub-domain gains by planting cookies: nothing.

Cookies know no origin. A page or an answer of `evil.site.test` may set `__Secure-refresh` for
`site.test`, with any path, and Chromium sends that cookie to `auth.site.test` beside or before the
real one. The planter puts a good token of his own account into it. Without the companion cookie,
which no sibling can plant, the user would be locked out, or signed in as the planter.

T144; RFC 6265bis §4.1.3 (prefixes), §8.6 (weak integrity).
"""

import contextlib
import time

import pytest
from conftest import Stack, events, state, statuses
from site_under_test import COOKIE, claims
from visitor import BOUNCES, GATE, STATE
from waiting import wait_until

COMPANION = "__Host-refresh-binding"
PARENT = "site.test"
AUTH, SIBLING, CHILD = (f"{name}.{PARENT}" for name in ("auth", "evil", "child.auth"))
# Every path that reaches the refresh route.
PATHS = ("/", "/auth", "/auth/", "/auth/refresh")


class NamedStack(Stack):
    """The site as https://auth.site.test: a host with a parent domain, which localhost lacks."""

    def __init__(self, playwright):
        super().__init__(playwright)
        nginx = self.site.dir / "nginx"
        for program in ("program", "check"):
            with open(nginx / f"tallystick/location/{program}.conf", "a", encoding="utf-8") as file:
                file.write(f"fastcgi_param TALLYSTICK_ISSUER https://{AUTH};\n")
        example = nginx / "sites/example.conf"
        text = example.read_text()
        assert text.count("server_name localhost;") == 1
        example.write_text(text.replace("server_name localhost;", f"server_name localhost {AUTH};"))
        self.site.reload()
        self.proxy.names.add(AUTH)
        self.url = f"https://{AUTH}"

    def reset(self):
        super().reset()
        self.proxy.foreign_headers.clear()


@pytest.fixture(scope="module")
def shared_named_stack(playwright):
    stack = NamedStack(playwright)
    yield stack
    stack.close()


@pytest.fixture
def named_stack(shared_named_stack):
    shared_named_stack.reset()
    yield shared_named_stack
    shared_named_stack.reset()


@pytest.fixture
def victim(named_stack):
    with contextlib.closing(named_stack.person()) as made:
        made.register()
        yield made


@pytest.fixture
def planter(named_stack):
    """An account of the same site; `cookie` is its good refresh token."""
    return named_stack.site.register()


def jar(person, name):
    return [each for each in person.context.cookies() if each["name"] == name]


def companion(person):
    found = jar(person, COMPANION)
    assert len(found) == 1, f"companions in the jar: {found}"
    return found[0]


def planted(person):
    """The refresh cookies that name a Domain: ours never does."""
    return [each for each in jar(person, COOKIE) if each["domain"].startswith(".")]


def plant(person, value, path, way="answer", host=SIBLING, domain=PARENT, name=COOKIE):
    """Has another host set a cookie for a domain that it shares with the site."""
    cookie = f"{name}={value}; Domain={domain}; Path={path}; Secure"
    foreign = person.stack.proxy.foreign_headers
    foreign[host] = {"Set-Cookie": cookie} if way == "answer" else {}
    page = person.page()
    page.goto(f"https://{host}/")
    if way == "script":
        page.evaluate("(cookie) => { document.cookie = cookie; }", cookie)
    page.close()


def plant_refresh(person, planter, path, **how):
    """The same for a refresh cookie, which Chromium keeps."""
    before = len(planted(person))
    plant(person, planter.cookie, path, **how)
    domain = how.get("domain", PARENT)
    kept = [each for each in planted(person) if (each["domain"], each["path"]) == (f".{domain}", path)]
    assert [each["value"] for each in kept] == [planter.cookie] and len(planted(person)) == before + 1


def restored(person):
    """Who is signed in after all tabs were closed and a new one has asked the server."""
    for page in person.context.pages:
        page.close()
    asked = len(person.stack.proxy.of("/auth/refresh"))
    page = person.tab()
    assert len(person.stack.proxy.of("/auth/refresh")) > asked
    return page


def username(page):
    return page.evaluate("auth.getSnapshot().user?.username ?? null")


def goes_on(person):
    """Two silent refreshes, and both are this person's."""
    for _ in range(2):
        page = restored(person)
        assert (state(page), username(page), events(page)) == ("signedin", person.name, [])
        assert page.evaluate("auth.user().then(({ username }) => username)") == person.name
    return page


def is_signed_out(person):
    page = restored(person)
    assert (state(page), username(page)) == ("signedout", None)
    assert statuses(page, "/api/echo") == [401]
    return page


every_plant = pytest.mark.parametrize(
    "path, way", [(path, way) for path in PATHS for way in ("answer", "script")])


@every_plant
def test_planted_before_the_sign_in_it_opens_nothing_and_is_gone_after_a_refresh(victim, planter, path, way):
    plant_refresh(victim, planter, path, way=way)
    page = is_signed_out(victim)
    victim.sign_in(page)
    assert username(page) == victim.name
    goes_on(victim)
    assert planted(victim) == []


@every_plant
def test_planted_after_the_sign_in_the_refresh_goes_on_and_it_is_gone(victim, planter, path, way):
    victim.signed_in_tab()
    plant_refresh(victim, planter, path, way=way)
    goes_on(victim)
    assert planted(victim) == []


@every_plant
def test_planted_before_the_sign_out_the_browser_stays_signed_out(victim, planter, path, way):
    page = victim.signed_in_tab()
    plant_refresh(victim, planter, path, way=way)
    page.evaluate("auth.logout()")
    is_signed_out(victim)
    is_signed_out(victim)


@every_plant
def test_planted_after_the_sign_out_the_browser_stays_signed_out_until_its_user_signs_in(victim, planter, path, way):
    victim.signed_in_tab().evaluate("auth.logout()")
    plant_refresh(victim, planter, path, way=way)
    page = is_signed_out(victim)
    victim.sign_in(page)
    goes_on(victim)
    assert planted(victim) == []


def test_planted_on_every_path_at_once_by_a_sibling_and_by_a_host_below(victim, planter):
    victim.signed_in_tab()
    for path in PATHS:
        plant_refresh(victim, planter, path)
        plant_refresh(victim, planter, path, host=CHILD, domain=AUTH)
    goes_on(victim)
    assert planted(victim) == []


def test_one_that_stands_first_is_passed_over(victim, planter):
    """Of one path Chromium sends the older cookie first, and a new value makes ours the younger one."""
    page = victim.tab()
    plant_refresh(victim, planter, "/auth/refresh")
    victim.sign_in(page)
    victim.stack.proxy.clear()
    goes_on(victim)
    sent = victim.stack.proxy.of("/auth/refresh")[0].headers["Cookie"]
    first, second = (each.partition("=")[2] for each in sent.split("; ") if each.startswith(f"{COOKIE}="))
    assert first == planter.cookie and claims(second)["gen"] == 1
    assert planted(victim) == []


def test_a_sign_in_beside_a_planted_cookie_is_the_users(victim, planter):
    """By the page, as a person does it."""
    for path in PATHS:
        plant_refresh(victim, planter, path)
    page = victim.page("/")
    victim.fill_sign_in(page)
    page.wait_for_url("**/account.html")
    page.wait_for_selector(".session")
    page.reload()
    page.wait_for_selector(".session")
    goes_on(victim)
    assert planted(victim) == []
    page = victim.tab()
    page.evaluate("auth.logout()")
    is_signed_out(victim)


@pytest.mark.parametrize("way", ["answer", "script"])
@pytest.mark.parametrize("name", [COMPANION, GATE, STATE, BOUNCES])
def test_no_sibling_can_plant_a_companion_or_a_cookie_of_the_gate(victim, planter, name, way):
    """RFC 6265bis §4.1.3.2: `__Host-` with Domain is refused, and without it stays the sibling's."""
    victim.signed_in_tab()
    before = jar(victim, name)
    assert len(before) == (name == COMPANION)
    for host, domain in ((SIBLING, PARENT), (CHILD, AUTH)):
        plant(victim, "evil", "/", way, host, domain, name)
        assert jar(victim, name) == before
    goes_on(victim)


def test_the_companion_is_no_scripts_and_as_the_contract_says(victim):
    """Contract, section 3; RFC 6265bis §4.1.3.2."""
    page = victim.signed_in_tab()
    found = companion(victim)
    assert (found["domain"], found["path"]) == (AUTH, "/")
    assert found["secure"] and found["httpOnly"] and found["sameSite"] == "Strict"
    assert found["expires"] > time.time() + 89 * 86400
    assert page.evaluate("document.cookie") == ""
    page.evaluate("auth.logout()")
    assert jar(victim, COMPANION) == jar(victim, COOKIE) == []


@pytest.mark.parametrize("path", PATHS)
def test_without_its_companion_neither_the_users_token_nor_the_planters_opens_anything(victim, planter, path):
    """A flood of cookies can evict the companion: the user signs in again, and is nobody else meanwhile."""
    victim.signed_in_tab()
    victim.context.clear_cookies(name=COMPANION)
    plant_refresh(victim, planter, path)
    page = is_signed_out(victim)
    victim.sign_in(page)
    goes_on(victim)


@pytest.mark.parametrize("path", [None, *PATHS])
def test_a_session_from_before_the_companion_goes_on_and_gets_one(victim, planter, path):
    """The migration: a token that was issued before `bound_from` needs none; its successor does."""
    victim.signed_in_tab()
    (before,) = (each["value"] for each in jar(victim, COOKIE))
    victim.context.clear_cookies(name=COMPANION)
    bound_from = claims(before)["iat"] + 1
    with victim.site.database() as opened:
        done = opened.execute("UPDATE session SET bound_from = ? WHERE id = ?", (bound_from, claims(before)["sid"]))
        assert done.rowcount == 1
    wait_until(lambda: time.time() >= bound_from, "the second in which companions begin")
    if path:
        plant_refresh(victim, planter, path)
    page = restored(victim)
    assert (state(page), username(page)) == ("signedin", victim.name)
    assert companion(victim)
    goes_on(victim)
    assert planted(victim) == []
    victim.context.clear_cookies(name=COMPANION)
    is_signed_out(victim)
