"""The examples of the front-end chapter with React and Redux in a real page."""

import re

import pytest
from conftest import NODE_MODULES, PASSWORD
from fault_proxy import Fault
from playwright.sync_api import expect

JAVASCRIPT = {"Content-Type": "text/javascript"}
REACT = [NODE_MODULES / "react/umd/react.development.js", NODE_MODULES / "react-dom/umd/react-dom.development.js"]
REDUX = NODE_MODULES / "redux/dist/redux.js"


def serve(stack, name, source):
    stack.proxy.pages[f"/t/{name}"] = (JAVASCRIPT, source if isinstance(source, bytes) else source.encode())


def example(stack, name, **bare):
    """The example as it is, its bare imports led to what the page has loaded."""
    source = stack.site.get(f"/examples/{name}.js").text.replace("../tallystick.js", "/tallystick.js")
    for library, names in bare.items():
        serve(stack, f"{library}-module.js", f"export const {{ {names} }} = globalThis.{library.capitalize()};")
        source = source.replace(f'from "{library}"', f'from "/t/{library}-module.js"')
    serve(stack, f"{name}.js", source)


@pytest.mark.skipif(not all(each.exists() for each in REACT), reason="needs node-react and node-react-dom")
def test_react_draws_what_happens_and_nothing_more(stack, person):
    for name, file in zip(("react-umd.js", "react-dom-umd.js"), REACT, strict=True):
        serve(stack, name, file.read_bytes())
    example(stack, "react", react="createElement, useSyncExternalStore")
    page = person.page("/t/blank")
    errors = []
    page.on("console", lambda message: errors.append(message.text)
            if message.type == "error" and "401" not in message.text and "favicon" not in message.location["url"] else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("react-umd.js", "react-dom-umd.js"):
        page.add_script_tag(url=f"/t/{name}")
    page.evaluate("""async () => {
        const { auth, Account } = await import("/t/react.js");
        globalThis.auth = auth;
        globalThis.drawn = 0;
        const Counted = () => { drawn += 1; return Account(); };
        const root = ReactDOM.createRoot(document.querySelector("main"));
        root.render(React.createElement(React.StrictMode, null, React.createElement(Counted)));
    }""")
    main = page.locator("main")
    expect(main.get_by_role("link", name="Sign in")).to_be_visible()
    person.register()
    page.evaluate("([name, password]) => auth.login(name, password)", [person.name, PASSWORD])
    expect(main).to_contain_text(f"Signed in as {person.name}")
    drawn = page.evaluate("drawn")
    # A refresh is not a change.
    tried = []

    def plan(request):
        if request.path == "/api/echo" and not tried:
            tried.append(request)
            return Fault(instead=(401, {}, {"error": "invalid_token"}))
        return None
    stack.proxy.plan = plan
    assert page.evaluate("auth.fetch('/api/echo').then(({ status }) => status)") == 200
    assert page.evaluate("drawn") == drawn
    main.get_by_role("button", name="Sign out").click()
    expect(main.get_by_role("link", name="Sign in")).to_be_visible()
    assert errors == []


@pytest.mark.skipif(not REDUX.exists(), reason="needs node-redux")
def test_redux_follows_the_login_of_all_tabs(stack, person):
    serve(stack, "redux-umd.js", REDUX.read_bytes())
    example(stack, "redux", redux="combineReducers, createStore")
    page = person.page("/t/blank")
    page.add_script_tag(url="/t/redux-umd.js")
    page.evaluate("""async () => { globalThis.store = (await import("/t/redux.js")).store; }""")
    login = "store.getState().login"
    page.wait_for_function(f"{login}.status === 'signedout'")
    other = person.signed_in_tab()
    page.wait_for_function(f"{login}.status === 'signedin'")
    assert page.evaluate(f"{login}.user.username") == person.name
    assert not re.search("eyJ", page.evaluate("JSON.stringify(store.getState())"))
    other.evaluate("auth.logout()")
    page.wait_for_function(f"{login}.status === 'signedout'")
