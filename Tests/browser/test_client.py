"""The module in a real Chromium, against the real nginx and the real programs."""

import pathlib
import time

import pytest
from conftest import NEIGHBOUR, NODE_MODULES, events, state, statuses
from fault_proxy import Fault
from waiting import wait_until

EXPIRED = Fault("401", instead=(401, {"WWW-Authenticate": "Bearer"}, {"error": "invalid_token"}))


def refuse_first_tries(proxy, paths="/api/"):
    """Answers the first try of each API request with 401, as an expired token would be."""
    tried = set()

    def plan(request):
        if request.path.startswith(paths) and request.path not in tried:
            tried.add(request.path)
            return EXPIRED
        return None
    proxy.plan = plan


def test_t078_twenty_requests_share_one_refresh_and_are_sent_once_more(stack, person):
    """T078."""
    page = person.signed_in_tab()
    refuse_first_tries(stack.proxy)
    stack.proxy.clear()
    paths = [f"/api/echo?{number}" for number in range(20)]
    assert statuses(page, *paths) == [200] * 20
    assert len(stack.proxy.of("/auth/refresh")) == 1
    assert len(stack.proxy.of("/api/echo")) == 40
    tokens = {each.headers["Authorization"] for each in stack.proxy.of("/api/echo")}
    assert len(tokens) == 2


def test_t078_a_refused_refresh_rejects_all_twenty_once_and_ends_signed_out(stack, person):
    """T078."""
    page = person.signed_in_tab()
    stack.site.admin("account", "revoke", person.name)
    stack.proxy.clear()
    paths = [f"/api/echo?{number}" for number in range(20)]
    assert statuses(page, *paths) == ["signed_out"] * 20
    assert (state(page), events(page)) == ("signedout", ["refused"])
    assert len(stack.proxy.of("/auth/refresh")) == 1
    page.wait_for_timeout(1500)
    assert len(stack.proxy.of("/auth/logout")) == 1
    assert len(stack.proxy.seen) == 22
    assert person.cookies() == []


def test_a_second_401_is_the_callers(stack, person):
    page = person.signed_in_tab()
    stack.proxy.plan = lambda request: EXPIRED if request.path.startswith("/api/") else None
    stack.proxy.clear()
    assert statuses(page, "/api/echo") == [401]
    assert len(stack.proxy.of("/api/echo")) == 2
    assert len(stack.proxy.of("/auth/refresh")) == 1
    assert state(page) == "signedin"


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 502, 503])
def test_whatever_the_refresh_route_answers_there_is_no_loop(stack, person, status):
    page = person.signed_in_tab()
    answer = Fault(instead=(status, {"Retry-After": "1"}, {"error": "temporarily_unavailable"}))
    stack.proxy.plan = lambda request: {
        "/auth/refresh": answer, "/api/echo": EXPIRED}.get(request.path)
    stack.proxy.clear()
    assert statuses(page, "/api/echo") == ["temporarily_unavailable"]
    assert state(page) == "signedin"
    assert events(page) == []
    assert len(stack.proxy.seen) <= 8
    stack.reset()
    page.evaluate("dispatchEvent(new Event('online'))")
    assert statuses(page, "/api/echo") == [200]


def test_a_new_tab_is_signed_in_by_one_silent_refresh(stack, person):
    person.sign_in(person.tab()).close()
    stack.proxy.clear()
    page = person.tab()
    assert state(page) == "signedin"
    assert len(stack.proxy.of("/auth/refresh")) == 1
    assert statuses(page, "/api/echo") == [200]
    assert len(stack.proxy.of("/api/echo")) == 1


def test_a_visitor_is_signed_out_after_one_request_and_no_logout(stack, person):
    page = person.tab()
    assert (state(page), events(page)) == ("signedout", [])
    page.wait_for_timeout(500)
    assert [each.path for each in stack.proxy.seen if each.path.startswith("/auth")] == ["/auth/refresh"]
    assert statuses(page, "/public/echo", "/api/echo") == [200, 401]


def test_the_token_goes_to_no_third_party(stack, person):
    page = person.signed_in_tab()
    stack.proxy.clear()
    neighbour = f"https://{NEIGHBOUR}/z"
    assert statuses(page, "https://other.test/x", "//other.test/y", neighbour) == [200] * 3
    assert [each.method for each in stack.proxy.foreign] == ["GET"] * 3  # not even a preflight
    assert all(each.headers["Authorization"] is None for each in stack.proxy.foreign)
    assert stack.proxy.seen == []
    named = person.tab(f"{{ origins: ['https://{NEIGHBOUR}'] }}")
    stack.proxy.clear()
    assert statuses(named, neighbour, "https://other.test/x") == [200, 200]
    sent = {each.headers["Host"]: each for each in stack.proxy.foreign if each.method == "GET"}
    assert sent[NEIGHBOUR].headers["Authorization"].startswith("Bearer eyJ")
    assert sent["other.test"].headers["Authorization"] is None


def test_a_redirect_to_another_origin_does_not_carry_the_token(stack, person):
    page = person.signed_in_tab()
    stack.proxy.plan = lambda request: Fault(
        instead=(302, {"Location": "https://other.test/x"}, b"")) if request.path == "/api/go" else None
    statuses(page, "/api/go")
    assert stack.proxy.of("/api/go")[0].headers["Authorization"]
    assert all(each.headers["Authorization"] is None for each in stack.proxy.foreign)


def test_an_upload_is_sent_again_whole(stack, person):
    page = person.signed_in_tab()
    refuse_first_tries(stack.proxy)
    stack.proxy.clear()
    status = page.evaluate("""async () => {
        const form = new FormData();
        form.set("file", new Blob([new Uint8Array(300_000).fill(65)]), "big.bin");
        return (await auth.fetch("/api/echo", { method: "POST", body: form })).status;
    }""")
    assert status == 200
    first, second = stack.proxy.of("/api/echo")
    assert len(first.body) > 300_000
    assert abs(len(first.body) - len(second.body)) < 10  # the boundary may differ
    status = page.evaluate("""async () => (await auth.fetch(
        new Request("/api/echo?request", { method: "POST", body: "as a Request" }))).status""")
    assert status == 200
    assert [each.body for each in stack.proxy.of("/api/echo")[2:]] == [b"as a Request"] * 2


def test_an_abort_ends_one_request_and_not_the_refresh(stack, person):
    page = person.signed_in_tab()
    tried = set()

    def plan(request):
        if request.path == "/auth/refresh":
            return Fault(after=1)
        if request.path.startswith("/api/") and request.path not in tried:
            tried.add(request.path)
            return EXPIRED
        return None
    stack.proxy.plan = plan
    stack.proxy.clear()
    result = page.evaluate("""async () => {
        const controller = new AbortController();
        const began = performance.now();
        const one = auth.fetch("/api/echo?1", { signal: controller.signal })
          .catch((error) => [error.name, performance.now() - began]);
        const two = auth.fetch("/api/echo?2");
        setTimeout(() => controller.abort(), 300);
        return { one: await one, two: (await two).status };
    }""")
    assert result["one"][0] == "AbortError"
    assert result["one"][1] < 900
    assert result["two"] == 200
    assert len(stack.proxy.of("/auth/refresh")) == 1
    assert [each.path for each in stack.proxy.of("/api/echo")].count("/api/echo?1") == 1


def test_offline_nobody_is_signed_out_and_back_online_it_goes_on(quick_stack, quick_person):
    page = quick_person.signed_in_tab()
    quick_person.context.set_offline(True)
    page.wait_for_timeout(5000)
    assert statuses(page, "/api/echo") == ["network"]
    assert state(page) == "signedin"
    quick_person.context.set_offline(False)
    wait_until(lambda: statuses(page, "/api/echo") == [200], "an answer")
    assert events(page) == []
    assert page.evaluate("auth.getSnapshot().error") is None


def test_the_token_is_renewed_before_its_end_without_anybody_asking(quick_stack, quick_person):
    page = quick_person.signed_in_tab()
    quick_stack.proxy.clear()
    began = time.monotonic()
    wait_until(lambda: len(quick_stack.proxy.of("/auth/refresh")) >= 2, "two of them", 30)
    # Not before half of a token's life of 4 s is over.
    assert time.monotonic() - began > 2
    page.wait_for_function("auth.remaining() > 2")
    assert statuses(page, "/api/echo") == [200]
    assert len(quick_stack.proxy.of("/api/echo")) == 1  # no 401 on the way


def test_a_wrong_computer_clock_does_not_matter(quick_stack, quick_person):
    quick_person.context.add_init_script("const wrong = Date.now() - 1e12; Date.now = () => wrong;")
    page = quick_person.signed_in_tab()
    page.evaluate("() => { const far = Date.now() + 3e12; Date.now = () => far; }")
    quick_stack.proxy.clear()
    wait_until(lambda: quick_stack.proxy.of("/auth/refresh"), "a refresh", 30)
    page.wait_for_timeout(1000)
    assert len(quick_stack.proxy.of("/auth/refresh")) == 1
    assert statuses(page, "/api/echo") == [200]


@pytest.mark.skipif(not NODE_MODULES.joinpath("axios").exists(), reason="needs node-axios")
def test_axios_renews_uploads_and_aborts(stack, person):
    axios = pathlib.Path(NODE_MODULES, "axios/dist/esm/axios.min.js").read_bytes()
    stack.proxy.pages["/t/axios.js"] = ({"Content-Type": "text/javascript"}, axios)
    page = person.signed_in_tab()
    page.evaluate("""async () => {
        globalThis.axios = (await import("/t/axios.js")).default;
        globalThis.api = axios.create({ baseURL: "/api" });
        auth.attach(api);
    }""")
    refuse_first_tries(stack.proxy)
    stack.proxy.clear()
    found = page.evaluate("""async () => Promise.all(Array.from({ length: 20 },
        (_, index) => api.get(`/echo?${index}`).then((answer) => answer.status)))""")
    assert found == [200] * 20
    assert len(stack.proxy.of("/auth/refresh")) == 1
    assert len(stack.proxy.of("/api/echo")) == 40

    stack.proxy.clear()
    assert page.evaluate("""async () => {
        const form = new FormData();
        form.set("file", new Blob([new Uint8Array(300_000).fill(65)]), "big.bin");
        const answers = [await api.post("/echo?form", form), await api.post("/echo?json", { a: 1 })];
        return answers.map((answer) => answer.status);
    }""") == [200, 200]
    sent = stack.proxy.of("/api/echo")
    assert [len(each.body) > 300_000 for each in sent] == [True, True, False, False]
    assert [each.body for each in sent[2:]] == [b'{"a":1}'] * 2
    assert all("multipart/form-data; boundary=" in each.headers["Content-Type"] for each in sent[:2])

    tried = set()

    def plan(request):
        if request.path == "/auth/refresh":
            return Fault(after=0.7)
        if request.path.startswith("/api/") and request.path not in tried:
            tried.add(request.path)
            return EXPIRED
        return None
    stack.proxy.plan = plan
    stack.proxy.clear()
    assert page.evaluate("""async () => {
        const controller = new AbortController();
        const one = api.get("/echo?aborted", { signal: controller.signal })
          .then(() => "sent", (error) => axios.isCancel(error));
        const two = api.get("/echo?kept");
        setTimeout(() => controller.abort(), 300);
        return [await one, (await two).status];
    }""") == [True, 200]
    assert [each.path for each in stack.proxy.of("/api/echo")].count("/api/echo?aborted") == 1

    stack.reset()
    stack.site.admin("account", "revoke", person.name)
    assert page.evaluate("""async () => Promise.all(Array.from({ length: 5 },
        (_, index) => api.get(`/echo?end${index}`).then(() => 0, (error) => error.code)))""") == ["signed_out"] * 5
    assert events(page) == ["refused"]
